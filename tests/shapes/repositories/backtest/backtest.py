"""Moving-average crossover on daily closes."""
import numpy as np

FAST_WINDOW = 10
SLOW_WINDOW = 40
STOP_LOSS = 0.05
COMMISSION = 0.001
INITIAL_CAPITAL = 100_000
TRADING_DAYS = 252


def load_prices():
    rng = np.random.default_rng(11)
    drift = 0.0004 + 0.0012 * np.sin(np.arange(1000) / 60)
    return 100 * np.exp(np.cumsum(drift + 0.01 * rng.normal(size=1000)))


def sma(x, n):
    c = np.cumsum(np.insert(x, 0, 0.0))
    out = np.full(len(x), np.nan)
    out[n - 1:] = (c[n:] - c[:-n]) / n
    return out


def run():
    prices = load_prices()
    fast, slow = sma(prices, FAST_WINDOW), sma(prices, SLOW_WINDOW)
    position, entry, equity, trades = 0, 0.0, [INITIAL_CAPITAL], 0
    for t in range(1, len(prices)):
        equity.append(equity[-1] * (1 + position * (prices[t] / prices[t - 1] - 1)))
        want = int(fast[t] > slow[t])
        if position and prices[t] < entry * (1 - STOP_LOSS):
            want = 0
        if want != position:
            equity[-1] *= 1 - COMMISSION
            position, entry = want, prices[t]
            trades += 1
    equity = np.array(equity)
    returns = np.diff(equity) / equity[:-1]
    drawdown = (equity / np.maximum.accumulate(equity) - 1).min()
    print("=" * 40)
    print(f"{'Final Equity':<20}{'$' + format(equity[-1], ',.2f'):>20}")
    print(f"{'Total Return':<20}{equity[-1] / equity[0] - 1:>20.2%}")
    print(f"{'Sharpe Ratio':<20}{returns.mean() / returns.std() * np.sqrt(TRADING_DAYS):>20.2f}")
    print(f"{'Max Drawdown':<20}{drawdown:>20.2%}")
    print(f"{'Trades':<20}{trades:>20d}")
    print("=" * 40)


if __name__ == "__main__":
    run()
