"""Stands for xgboost: DMatrix and train with its eval lines, on sklearn's trees."""
import numpy as np
from sklearn.tree import DecisionTreeRegressor


class DMatrix:
    def __init__(self, data, label):
        self.data, self.label = data, label


class Booster:
    def __init__(self, params):
        self.params, self.trees = params, []

    def margin(self, data):
        return sum((self.params["eta"] * tree.predict(data) for tree in self.trees), np.zeros(len(data)))

    def predict(self, matrix):
        return 1 / (1 + np.exp(-self.margin(matrix.data)))


def train(params, dtrain, num_boost_round, evals=(), verbose_eval=True):
    booster = Booster(params)
    rng = np.random.RandomState(params.get("seed", 0))
    for round_ in range(num_boost_round):
        rows = rng.random_sample(len(dtrain.label)) < params["subsample"]
        residual = dtrain.label - booster.predict(dtrain)
        tree = DecisionTreeRegressor(max_depth=params["max_depth"], random_state=rng,
                                     min_samples_leaf=int(params["min_child_weight"]))
        tree.fit(dtrain.data[rows], 4 * residual[rows])
        booster.trees.append(tree)
        words = []
        for matrix, name in evals:
            p = np.clip(booster.predict(matrix), 1e-6, 1 - 1e-6)
            loss = -np.mean(np.log(np.where(matrix.label, p, 1 - p)))
            words.append(f"{name}-logloss:{loss:.5f}")
        if verbose_eval and (round_ % 5 == 0 or round_ == num_boost_round - 1):
            print(f"[{round_}]\t" + "\t".join(words))
    return booster
