"""Plots as SVG, made by the server: the demo's page and the ops page show them.

time_plot.py  lines over the last minutes or hours, with marks
timeline.py   who was ACTIVE when, with the gaps
page/         their style sheet, and what all pages share: colours and type, making nodes, tips
"""
