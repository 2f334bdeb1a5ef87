"""Every figure of metrics.json, recomputed by scikit-learn from the margins, to 1e-6."""

import json
import os
import subprocess

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve


def compute(tmp_path, margins, labels, threshold):
    path = tmp_path / "rows.bin"
    path.write_bytes(margins.astype("<f4").tobytes() + labels.astype(np.uint8).tobytes())
    done = subprocess.run([os.environ["METRICS"], str(path), repr(float(threshold))], check=True, capture_output=True,
                          timeout=60)
    return json.loads(done.stdout)


def make(n, seed, grid=0.0):
    random = np.random.default_rng(seed)
    margins = random.normal(-2, 1.5, n)
    if grid:
        margins = np.round(margins / grid) * grid
    labels = random.random(n) < 1 / (1 + np.exp(-margins))
    return margins.astype(np.float32), labels


@pytest.mark.parametrize("n, seed, grid, threshold", [
    (95000, 1, 0.0, -1.0), (3000, 2, 0.0, 0.0), (3000, 3, 0.5, -1.5), (300, 4, 0.25, 0.25), (50, 5, 1.0, -3.0)])
def test_agrees_with_scikit_learn(tmp_path, n, seed, grid, threshold):
    margins, labels = make(n, seed, grid)
    got = compute(tmp_path, margins, labels, threshold)
    p = 1 / (1 + np.exp(-margins.astype(np.float64)))
    called = margins >= np.float32(threshold)

    want = {
        "n_rows": n,
        "n_positives": int(labels.sum()),
        "f1": metrics.f1_score(labels, called),
        "precision": metrics.precision_score(labels, called),
        "recall": metrics.recall_score(labels, called),
        "accuracy": metrics.accuracy_score(labels, called),
        "roc_auc": metrics.roc_auc_score(labels, margins),
        "pr_auc": metrics.average_precision_score(labels, margins),
        "log_loss": metrics.log_loss(labels, p),
        "brier": metrics.brier_score_loss(labels, p),
    }
    for name, value in want.items():
        assert got[name] == pytest.approx(value, abs=1e-6), name
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, called)
    assert got["confusion"] == {"true_positives": tp, "false_positives": fp, "false_negatives": fn,
                                "true_negatives": tn}

    bins = [b for b in got["calibration"] if b["n_rows"]]
    rate, mean = calibration_curve(labels, p, n_bins=10)
    assert [b["positive_rate"] for b in bins] == pytest.approx(rate, abs=1e-6)
    assert [b["mean_probability"] for b in bins] == pytest.approx(mean, abs=1e-6)
    assert sum(b["n_rows"] for b in got["calibration"]) == n


def test_one_class_has_no_auc(tmp_path):
    got = compute(tmp_path, np.array([1, 2], np.float32), np.array([0, 0]), 1.5)
    assert got["roc_auc"] is None and got["pr_auc"] is None
    assert got["f1"] == 0 and got["precision"] == 0 and got["accuracy"] == 0.5
