"""Images to try things on: generated, schematic views of the heart."""

from skdeepcluster.datasets._cardiac_views import CARDIAC_VIEWS, make_cardiac_views

__all__ = ["CARDIAC_VIEWS", "make_cardiac_views"]
