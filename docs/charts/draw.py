#!/usr/bin/env python3
"""Draws the charts of the documentation: each `NAME.json` here becomes `NAME.svg`.

    python docs/charts/draw.py           all of them
    python docs/charts/draw.py races     one of them

Needs the packages of requirements.txt. The same figures give the same bytes. A chart more is a function more in CHARTS.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
OURS, OTHERS = "#0969da", "#d4762c"  # apart for the colour-blind too, and in grey
INK, QUIET = "#1f2328", "#59636e"

STYLE = {
    "svg.hashsalt": "haversack",  # else ids are drawn by lot
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    # White, not transparent: one picture for light and dark pages.
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


def races(data):
    """Lost updates by browser and protocol, for each size of burst: ours beside the last-write cookie's."""
    panels = {}
    for row in data["results"]:
        panels.setdefault((row["browser"], row["protocol"]), []).append(row)
    figure, axes = plt.subplots(1, len(panels), figsize=(9.6, 3.3), sharey=True, layout="constrained")
    for axis, ((browser, protocol), rows) in zip(axes, panels.items()):
        for column, row in enumerate(sorted(rows, key=lambda row: row["burst"])):
            for side, colour, lost in [(-1, OURS, row["lost"]), (1, OTHERS, row["lost_by_cookie"])]:
                at, height = column + side * 0.2, 100 * lost / row["acknowledged"]
                axis.bar(at, height, width=0.38, color=colour)
                axis.annotate(f"{lost:,}", (at, height), (0, 2), textcoords="offset points", ha="center",
                              fontsize=9, color=colour, fontweight="bold" if side < 0 else "normal")
        axis.axhline(0, color=QUIET, linewidth=0.8)
        writes = sum(row["acknowledged"] for row in rows)
        protocol = {"h2": "HTTP/2, TLS", "http/1.1": "HTTP/1.1"}[protocol]
        axis.set_title(f"{browser.capitalize()}, {protocol}\n{writes:,} writes", fontsize=10)
        axis.set_xticks(range(len(rows)), sorted(row["burst"] for row in rows))
        axis.set_ylim(0, 108)
        axis.tick_params(length=0)
    axes[0].set_ylabel("lost, % of acknowledged")
    figure.supxlabel("writes at once, from three tabs of one profile; on the bars: writes lost", fontsize=10)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (OURS, OTHERS)]
    figure.legend(handles, ["Haversack", "a cookie that the last answer overwrites"], loc="outside upper center",
                  ncols=2, frameon=False)
    return figure


CHARTS = {"races": races}


def main(names):
    for name in names or CHARTS:
        with plt.rc_context(STYLE):
            figure = CHARTS[name](json.loads((HERE / f"{name}.json").read_text()))
            figure.savefig(HERE / f"{name}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
