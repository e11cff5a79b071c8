"""The tour: five things to see, each with a figure that was measured just now.

tour.py   which steps were gone, and what came of them
steps/    the steps, one file each
"""
