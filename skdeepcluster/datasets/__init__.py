"""Images to try things on: schematic views of the heart, as many as wanted."""

from skdeepcluster.datasets._cardiac_views import CARDIAC_VIEWS, make_cardiac_views

__all__ = ["CARDIAC_VIEWS", "make_cardiac_views"]
