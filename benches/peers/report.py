"""Medians, their table and their picture."""

from statistics import median

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which most forms of colour blindness tell apart.
OURS, PEER, LIMIT = "#000000", "#D55E00", "#0072B2"


def results(samples):
    """One entry per operator, shape and pass, in the order of the samples; medians in ms."""
    groups = {}
    for row in samples:
        case = groups.setdefault((row["op"], row["shape"], row["pass"]), {})
        case.setdefault((row["who"], row["input"]), []).append(row["ms"])
    entries = []
    for (op, shape, which), times in groups.items():
        medians = {key: median(values) for key, values in times.items()}
        ours_rounds = times["ours", "interleaved"]
        ours = medians.pop(("ours", "interleaved"))
        limit = medians.pop(("limit", "interleaved"))
        hot = {who: ms for (who, at), ms in medians.items() if at == "hot"}
        cold = {who: ms for (who, at), ms in medians.items() if at == "cold"}
        best = min(hot, key=hot.get)
        entries.append({"op": op.replace("-", "_"), "shape": shape, "pass": which, "ours": ours,
                        "ours_range": (min(ours_rounds), max(ours_rounds)), "limit": limit,
                        "hot": hot, "cold": cold, "best": best})
    return entries


def print_table(entries):
    """Markdown: ours and the best peer, then every peer."""
    print("\n| operator | shape | pass | limit, ms | ours, ms (rounds) | best peer | its hot inputs, ms "
          "| cold, ms | hot / ours | cold / ours |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for e in entries:
        best, ours = e["best"], e["ours"]
        hot, cold = e["hot"][best], e["cold"][best]
        low, high = e["ours_range"]
        print(f"| `{e['op']}` | {e['shape']} | {e['pass']} | {e['limit']:.2f} "
              f"| {ours:.2f} ({low:.2f} to {high:.2f}) | {best} "
              f"| {hot:.2f} | {cold:.2f} | {hot / ours:.1f} | {cold / ours:.1f} |")
    print("\n| operator | shape | pass | times of ours, hot / cold |\n|---|---|---|---|")
    for e in entries:
        ranked = sorted(e["hot"], key=e["hot"].get)
        ratios = "; ".join(
            f"{who} {e['hot'][who] / e['ours']:.1f} / {e['cold'][who] / e['ours']:.1f}"
            for who in ranked
        )
        print(f"| `{e['op']}` | {e['shape']} | {e['pass']} | {ratios} |")


def draw(entries, path):
    """Times relative to ours, on a log axis."""
    plt.rcParams["svg.hashsalt"] = "peers"  # the same numbers give the same file
    plt.rcParams["font.size"] = 9
    plt.rcParams["font.family"] = ["DejaVu Sans"]
    figure, axes = plt.subplots(figsize=(8.6, 0.36 * len(entries) + 1.4), layout="constrained")
    for y, e in enumerate(entries):
        best, ours = e["best"], e["ours"]
        hot, cold, limit = e["hot"][best] / ours, e["cold"][best] / ours, e["limit"] / ours
        axes.plot([min(limit, 1), max(hot, cold, 1)], [y, y], color="0.85", zorder=1)
        is_first = y == 0
        axes.plot(limit, y, "|", color=LIMIT, ms=11, mew=2.2, ls="",
                  label="memory's limit" if is_first else None)
        axes.plot(cold, y, "o", mfc="white", color=PEER, ms=5.5, ls="",
                  label="that peer, cold inputs" if is_first else None)
        axes.plot(hot, y, "o", color=PEER, ms=5.5, ls="",
                  label="best peer, hot inputs" if is_first else None)
        axes.plot(1, y, "D", color=OURS, ms=5, ls="", label="burn-argmax" if is_first else None)
        axes.annotate(f"{hot:.1f}  {best}", (max(hot, cold, 1), y), xytext=(8, 0),
                      textcoords="offset points", va="center", fontsize=8)
    names = [f"{e['op']}  {e['shape']}\n{e['pass']}" for e in entries]
    axes.set_yticks(range(len(entries)), names, fontsize=7.5)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 4)  # room for the names
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.axvline(1, color="0.6", lw=0.8, zorder=0)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.set_xlabel("time relative to burn-argmax (log scale); to the left is faster")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
