# docs and experiment results can be found at https://example.org/rl-algorithms/bandit
import time
from dataclasses import dataclass

import numpy as np


@dataclass
class Args:
    exp_name: str = "ppo_bandit"
    """the name of this experiment"""
    seed: int = 1
    """seed of the experiment"""
    total_timesteps: int = 6000
    """total timesteps of the experiments"""
    learning_rate: float = 0.05
    """the learning rate of the optimizer"""
    num_steps: int = 32
    """the number of steps to run in each environment per policy rollout"""
    anneal_lr: bool = True
    """Toggle learning rate annealing for policy and value networks"""
    ent_coef: float = 0.01
    """coefficient of the entropy"""
    clip_coef: float = 0.2
    """the surrogate clipping coefficient"""


class Env:
    def __init__(self, rng):
        self.rng = rng
        self.best = np.array([0, 3, 1, 2])

    def reset(self):
        self.state = self.rng.integers(4)
        return self.state

    def step(self, action):
        reward = float(self.rng.random() < (0.9 if action == self.best[self.state] else 0.3))
        return self.reset(), reward


if __name__ == "__main__":
    args = Args()
    run_name = f"{args.exp_name}__{args.seed}__{int(time.time())}"
    rng = np.random.default_rng(args.seed)
    env = Env(rng)
    logits = np.zeros((4, 4))
    values = np.zeros(4)
    obs = env.reset()
    returns = []
    for iteration in range(args.total_timesteps // args.num_steps):
        frac = 1.0 - iteration * args.num_steps / args.total_timesteps if args.anneal_lr else 1.0
        lr = frac * args.learning_rate
        grad = np.zeros_like(logits)
        for step in range(args.num_steps):
            p = np.exp(logits[obs] - logits[obs].max())
            p /= p.sum()
            action = rng.choice(4, p=p)
            next_obs, reward = env.step(action)
            advantage = np.clip(reward - values[obs], -args.clip_coef * 5, args.clip_coef * 5)
            values[obs] += 0.05 * (reward - values[obs])
            one_hot = np.eye(4)[action]
            grad[obs] += advantage * (one_hot - p) - args.ent_coef * p * (np.log(p) + 1)
            returns.append(reward)
            obs = next_obs
        logits += lr * grad
        if iteration % 40 == 0:
            print(f"global_step={len(returns)}, episodic_return={np.mean(returns[-500:]):.4f}")
    print(f"SPS: {int(len(returns) / max(1e-9, time.process_time()))}")
    print(f"mean_return={np.mean(returns[-2000:]):.4f}")
