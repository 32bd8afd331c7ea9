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


def day(data):
    """A day of use, request by request: cookies, characters, and what was written beside a single cookie."""
    second, cookies, characters, ours, single = zip(*data["requests"])
    requests = range(1, len(second) + 1)
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.0), layout="constrained")

    for axis, values, title in [(axes[0], cookies, "cookies of ours"), (axes[1], characters, "their characters")]:
        axis.plot(requests, values, color=OURS, linewidth=0.7)
        median, most = (sorted(values)[(len(values) - 1) * percent // 100] for percent in (50, 99))
        for height, name in [(median, "median"), (most, "99 %")]:
            axis.axhline(height, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
            axis.annotate(f"{name} {height:,}", (1, height), (0, 2), xycoords=("axes fraction", "data"),
                          textcoords="offset points", ha="right", fontsize=9, color=INK,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85})
        axis.set_title(title, fontsize=10)
        axis.set_ylim(0)

    def sums(values):
        total = 0
        return [total := total + value / 1000 for value in values]

    for values, colour, name in [(single, OTHERS, "a single cookie"), (ours, OURS, "Haversack")]:
        total = sums(values)
        axes[2].plot(requests, total, color=colour)
        middle = len(total) * 3 // 5
        axes[2].annotate(name, (requests[middle], total[middle]), (-4, 8), textcoords="offset points", ha="right",
                         fontsize=9, color=colour)
    axes[2].set_title("Set-Cookie so far, thousand characters", fontsize=10)
    axes[2].set_ylim(0)
    figure.supxlabel(f"requests of a day: {len(second):,}, of which {sum(s > 0 for s in single):,} write", fontsize=10)
    return figure


CHARTS = {"day": day, "races": races}


def main(names):
    for name in names or CHARTS:
        with plt.rc_context(STYLE):
            figure = CHARTS[name](json.loads((HERE / f"{name}.json").read_text()))
            figure.savefig(HERE / f"{name}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
