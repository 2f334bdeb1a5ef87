"""What is learned: AUC and F1 on untouched test rows, for five splits of a file or five seeds of generated policies.

Beside it Python's XGBoost, trained on the same rows of the same matrix with the same parameters, and the rule that a
person would make: damaged before, not insured yet, 28 or older.
"""

import argparse
import gzip
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy
import pyarrow.ipc
import xgboost
from sklearn.metrics import f1_score, roc_auc_score

ROOT = pathlib.Path(__file__).resolve().parents[2]
SALTS = SEEDS = range(1, 6)


def read(path):
    with pyarrow.ipc.open_file(path) as file:
        table = file.read_all()
    return table.column_names, numpy.column_stack([column.to_numpy() for column in table.columns])


def learn_in_python(run, folder):
    """The test rows' probabilities, by the rounds that did best on the slice."""
    names, matrix = read(folder / "matrix.arrow")
    names, n = names[:-1], run["n_train_rows"]
    train = xgboost.QuantileDMatrix(matrix[:n, :-1], matrix[:n, -1], feature_names=names)
    stop = xgboost.DMatrix(matrix[n:, :-1], matrix[n:, -1], feature_names=names)
    given = run["train"]
    parameters = {setting["name"]: setting["value"] for setting in given["settings"]} | {"seed": given["seed"]}
    booster = xgboost.train(parameters, train, given["num_boost_round"], evals=[(stop, "stop")], verbose_eval=False,
                            early_stopping_rounds=given["early_stopping_rounds"] or None)
    rows = read(folder / "test.arrow")[1][:, :-2]
    best = booster.best_iteration + 1 if given["early_stopping_rounds"] else given["num_boost_round"]
    return booster.predict(xgboost.DMatrix(rows, feature_names=names), iteration_range=(0, best))


def measure(command, source, folder, salt):
    done = subprocess.run([command, ROOT / "pipelines/vehicle-insurance", source, folder, str(salt)], check=True,
                          stdout=subprocess.PIPE, env=os.environ | {"OMP_WAIT_POLICY": "passive"})
    run = json.loads(done.stdout)
    names, rows = read(folder / "test.arrow")
    row = dict(zip(names, rows.T))
    label, margin = row["label"], row["margin"]
    assert abs(roc_auc_score(label, margin) - run["auc"]) < 1e-6
    assert abs(f1_score(label, margin >= numpy.float32(run["margin"])) - run["f1"]) < 1e-6
    rule = (row["Vehicle_Damage_Yes"] == 1) & (row["Previously_Insured"] == 0) & (row["Age"] >= 28)
    run["rule_f1"] = f1_score(label, rule)
    run["python_auc"] = roc_auc_score(label, learn_in_python(run, folder))
    shutil.rmtree(folder / "store")
    return run


def unpack(path, folder):
    if path.suffix != ".gz":
        return path.resolve()
    with gzip.open(path) as packed, open(folder / path.stem, "wb") as plain:
        shutil.copyfileobj(packed, plain)
    return folder / path.stem


def report(runs, head):
    print(f"{head:>5} {'rounds':>7} {'threshold':>10} {'AUC':>8} {'Python':>8} {'differ':>8} {'F1':>8} {'rule F1':>8}"
          f" {'gain':>8}")
    for number, run in runs:
        print(f"{number:5} {run['n_rounds']:7} {run['threshold']:10.4f} {run['auc']:8.4f} {run['python_auc']:8.4f}"
              f" {run['auc'] - run['python_auc']:8.4f} {run['f1']:8.4f} {run['rule_f1']:8.4f}"
              f" {run['f1'] - run['rule_f1']:8.4f}")


def check(name, figure, least, most=1.0):
    is_kept = least <= figure <= most
    budget = f"at least {least:.3f}" if most == 1 else f"{least:.3f} to {most:.3f}"
    print(f"{name:42} {figure:8.4f}   {budget:20} {'kept' if is_kept else 'MISSED'}")
    return is_kept


def check_all(runs, is_generated):
    auc, f1 = [run["auc"] for run in runs], [run["f1"] for run in runs]
    differ = max(abs(run["auc"] - run["python_auc"]) for run in runs)
    gain = min(run["f1"] - run["rule_f1"] for run in runs)
    if is_generated:
        kept = [check("mean AUC", statistics.mean(auc), 0.845, 0.865),
                check("mean F1", statistics.mean(f1), 0.442, 0.472)]
    else:
        kept = [check("mean AUC", statistics.mean(auc), 0.852), check("least AUC", min(auc), 0.845),
                check("mean F1", statistics.mean(f1), 0.448), check("least gain of F1 over the rule", gain, 0.010)]
    kept.append(check("largest difference to Python's AUC", differ, 0, 0.002))
    return all(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    command = options.build / "tests/bench/quality"
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
        folder = pathlib.Path(name)
        if options.file:
            source = f"file://{unpack(options.file, folder)}"
            runs = [(salt, measure(command, source, folder, salt)) for salt in SALTS]
            report(runs, "salt")
        else:
            runs = [(seed, measure(command, f"generate:rows=50000,seed={seed}", folder, 1)) for seed in SEEDS]
            report(runs, "seed")
    return 0 if check_all([run for _, run in runs], not options.file) else 1


if __name__ == "__main__":
    sys.exit(main())
