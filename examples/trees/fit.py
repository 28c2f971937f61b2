"""Boosted trees tell malignant from benign tumours, in the data that scikit-learn ships."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_validate

PARAMS = {
    "learning_rate": 0.3,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 0.01,
    "max_features": 0.8,
}
N_ESTIMATORS = 20
FOLDS = 3
SEED = 0


def main() -> None:
    data, labels = load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=np.random.RandomState(SEED))
    model = HistGradientBoostingClassifier(
        max_iter=N_ESTIMATORS, random_state=np.random.RandomState(SEED), **PARAMS
    )
    scores = cross_validate(model, data, labels, cv=folds, scoring=["accuracy", "roc_auc"])
    print(f"cv_accuracy: {scores['test_accuracy'].mean():.5f}")
    print(f"cv_auc: {scores['test_roc_auc'].mean():.5f}")


if __name__ == "__main__":
    main()
