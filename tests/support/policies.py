"""Made-up policies as a user's files have them, for tests that need rows of their own."""

import numpy as np
import pandas as pd

RAW = {"Gender": "Male", "Age": 44, "Driving_License": 1, "Region_Code": 28, "Previously_Insured": 0,
       "Vehicle_Age": "> 2 Years", "Vehicle_Damage": "Yes", "Annual_Premium": 40454, "Policy_Sales_Channel": 26,
       "Vintage": 217}
ENCODED = {"Gender": 1, "Age": 44, "Driving_License": 1, "Region_Code": 28, "Previously_Insured": 0,
           "Vehicle_Age_lt_1_Year": 0, "Vehicle_Age_gt_2_Years": 1, "Vehicle_Damage_Yes": 1, "Annual_Premium": 40454,
           "Policy_Sales_Channel": 26, "Vintage": 217}


def make_policies(n, seed=1):
    """n policies of which one in eight is positive, most of those damaged, not insured and not young."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "id": np.arange(1, n + 1),
        "Gender": random.choice(["Male", "Female"], n),
        "Age": random.integers(20, 80, n),
        "Driving_License": 1,
        "Region_Code": random.integers(0, 53, n),
        "Previously_Insured": random.integers(0, 2, n),
        "Vehicle_Age": random.choice(["< 1 Year", "1-2 Year", "> 2 Years"], n, p=[0.4, 0.5, 0.1]),
        "Vehicle_Damage": random.choice(["Yes", "No"], n),
        "Annual_Premium": random.integers(2630, 60000, n).astype(float),
        "Policy_Sales_Channel": random.choice([26, 124, 152, 160], n),
        "Vintage": random.integers(10, 300, n),
    })
    is_likely = (frame["Vehicle_Damage"] == "Yes") & (frame["Previously_Insured"] == 0) & (frame["Age"] >= 28)
    frame["Response"] = (random.random(n) < np.where(is_likely, 0.4, 0.02)).astype(int)
    return frame


def encode(frame):
    """The matrix that the bundled schema makes of raw policies, written once more."""
    return pd.DataFrame({
        "Gender": (frame["Gender"] == "Male").astype("float32"),
        "Age": frame["Age"].astype("float32"),
        "Driving_License": frame["Driving_License"].astype("float32"),
        "Region_Code": frame["Region_Code"].astype("float32"),
        "Previously_Insured": frame["Previously_Insured"].astype("float32"),
        "Vehicle_Age_lt_1_Year": (frame["Vehicle_Age"] == "< 1 Year").astype("float32"),
        "Vehicle_Age_gt_2_Years": (frame["Vehicle_Age"] == "> 2 Years").astype("float32"),
        "Vehicle_Damage_Yes": (frame["Vehicle_Damage"] == "Yes").astype("float32"),
        "Annual_Premium": frame["Annual_Premium"].astype("float32"),
        "Policy_Sales_Channel": frame["Policy_Sales_Channel"].astype("float32"),
        "Vintage": frame["Vintage"].astype("float32"),
    })
