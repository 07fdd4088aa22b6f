"""A fitted model, as a person sees it."""

from skdeepcluster.review._displays import plot_history, plot_montage

__all__ = ["plot_history", "plot_montage"]
