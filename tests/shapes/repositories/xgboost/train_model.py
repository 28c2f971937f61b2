import minixgb as xgb
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

params = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "eta": 0.2,
    "max_depth": 3,
    "min_child_weight": 2,
    "subsample": 0.8,
    "seed": 42,
}

data, target = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(data, target, test_size=0.3, random_state=42)
dtrain = xgb.DMatrix(X_train, label=y_train)
dval = xgb.DMatrix(X_val, label=y_val)

bst = xgb.train(params, dtrain, num_boost_round=30, evals=[(dtrain, "train"), (dval, "val")])
