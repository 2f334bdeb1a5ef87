"""Figures beside their budgets, as all benchmarks print them."""


class Report:
    def __init__(self):
        self.is_missed = False

    def heading(self, text):
        print(f"\n{text}", flush=True)

    def figure(self, what, value, unit, budget=None, at_least=None):
        """budget: the value may be that much; at_least: it must be."""
        verdict = ""
        if budget is not None or at_least is not None:
            is_kept = value <= budget if budget is not None else value >= at_least
            self.is_missed |= not is_kept
            limit = f"{budget:g}" if budget is not None else f">= {at_least:g}"
            verdict = f"   budget {limit} {unit}   {'ok' if is_kept else 'MISSED'}"
        print(f"  {what:<58} {value:9.2f} {unit}{verdict}", flush=True)
