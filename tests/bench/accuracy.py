"""How accurate are the estimates? `make bench-accuracy`: the benchmark's table, beside the peers'.

    python -m tests.bench.accuracy [FOLDER]

FOLDER (default ../shared/accuracy) holds the cases, their series, `bench.py`, `score.py` and
`results-peers.json`. Prints the table, writes it into docs/accuracy.md between its markers, and
every figure into build/accuracy.json. `--fast` takes every fourth case and writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread a process, before numpy starts

import numpy as np

import impact
from impact.model import Range
from impact.scores import Scored, score

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT.parent / "shared" / "accuracy"
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- accuracy table: begin -->", "<!-- accuracy table: end -->"
PROCESSES = 2
MOMENTS = ("live", "final")
GOALS = {  # must, aim
    "live": {
        "wape": (0.21, 0.19),
        "mdare": (0.17, 0.15),
        "iscore": (1.40, 1.15),
        "false": (0.085, 0.06),
    },
    "final": {
        "wape": (0.24, 0.22),
        "mdare": (0.27, 0.23),
        "iscore": (1.65, 1.40),
        "false": (0.075, 0.05),
        "rec_wape": (0.24, 0.20),
    },
}
FIGURES = ("wape", "mdare", "bias", "coverage", "iscore", "false", "rec_wape", "seconds")


def utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def answer(seen: Any) -> dict[str, float | None]:
    """One observation in the benchmark's terms. Only here is anything clipped at zero."""
    result = impact.estimate(
        seen.ts.astype("datetime64[s]"),
        seen.values,
        start=utc(seen.start),
        end=utc(seen.end),
        kind=seen.kind,
        timezone=seen.timezone,
        known_incidents=[(utc(a), utc(b)) for a, b in seen.known_incidents],
    )
    net = result.excess if seen.kind == "load" else result.lost
    assert net is not None
    out: dict[str, float | None] = {
        "net_low": max(0.0, net.low),
        "net_mid": max(0.0, net.mid),
        "net_high": max(0.0, net.high),
    }
    for name in ("gross", "recovered", "lost_forecast"):
        part = getattr(result, name)
        out[f"{name}_mid"] = None if part is None else max(0.0, part.mid)
    forecast = result.lost_forecast
    out["forecast_low"] = None if forecast is None else max(0.0, forecast.low)
    out["forecast_high"] = None if forecast is None else max(0.0, forecast.high)
    return out


def run_case(job: tuple[Path, dict[str, Any]]) -> list[dict[str, Any]]:
    folder, case = job
    sys.path.insert(0, str(folder))
    bench = importlib.import_module("bench")
    rows = []
    for moment in MOMENTS:
        seen = bench.observe(case, moment, folder)
        begun = time.perf_counter()
        figures = answer(seen)
        spent = time.perf_counter() - begun
        rows.append({"case_id": case["case_id"], "moment": moment, "seconds": spent} | figures)
    return rows


def forecast_figures(rows: Any) -> dict[str, float]:
    """What LIVE said would be lost in the end, against what FINAL truth says was lost."""
    flow = rows.filter((rows["kind"] == "flow") & (rows["scenario"] != "placebo"))
    live = flow.filter(flow["moment"] == "live").sort("case_id")
    final = flow.filter(flow["moment"] == "final").sort("case_id")
    truth, scale = final["net"].to_numpy(), live["scale"].to_numpy()
    mid, low, high = (
        live[c].to_numpy() / scale for c in ("lost_forecast_mid", "forecast_low", "forecast_high")
    )
    return {
        "wape": float(np.abs(mid - truth).sum() / truth.sum()),
        "coverage": float(np.mean((low <= truth) & (truth <= high))),
    }


def figures_of(rows: Any) -> dict[str, float | None]:
    """The scores of joined rows, whose volumes are in mean days already."""
    names = "scenario moment catch_up net net_low net_mid net_high expected recovered recovered_mid"
    scored = []
    for row in rows.select(names.split()).iter_rows(named=True):
        asked = row["moment"] == "final" and row["catch_up"]
        known = asked and row["recovered_mid"] is not None
        scored.append(
            Scored(
                Range(row["net_low"], row["net_mid"], row["net_high"]),
                truth=row["net"],
                volume=row["expected"],
                placebo=row["scenario"] == "placebo",
                recovered=row["recovered_mid"] if known else None,
                recovered_truth=row["recovered"] if known else None,
            )
        )
    seconds = float(np.mean(rows["seconds"].to_numpy()))
    return asdict(score(scored)) | {"seconds": seconds}


def measure(folder: Path, fast: bool) -> dict[str, Any]:
    """Every figure: moment -> tag -> group -> measure, and the forecast's."""
    sys.path.insert(0, str(folder))
    bench, truths = importlib.import_module("bench"), importlib.import_module("score")
    polars = importlib.import_module("polars")
    cases = bench.load_cases(folder)[:: 4 if fast else 1]
    # not forked: the readers of the series keep threads of their own
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        parts = pool.map(run_case, [(folder, case) for case in cases], chunksize=20)
    predictions = polars.DataFrame([r for part in parts for r in part], infer_schema_length=None)
    ids = [case["case_id"] for case in cases]
    truth = truths.read_truth(folder).filter(polars.col("case_id").is_in(ids))
    rows = truths.join(truth, predictions)
    out: dict[str, Any] = {"cases": len(cases), "forecast": forecast_figures(rows)}
    for moment in MOMENTS:
        part = rows.filter(polars.col("moment") == moment)
        out[moment] = {"all": figures_of(part)}
        for tag in ("scenario", "slot", "source"):
            groups = part[tag].unique().sort()
            out[moment][tag] = {g: figures_of(part.filter(part[tag] == g)) for g in groups}
    return out


def cell(value: float | None, name: str = "") -> str:
    if value is None:
        return "-"
    return f"{value:+.2f}" if name == "bias" else f"{value:.3f}"


def line(name: str, figures: dict[str, Any]) -> str:
    return f"| {name} | " + " | ".join(cell(figures.get(f), f) for f in FIGURES) + " |"


def header(first: str) -> list[str]:
    return [f"| {first} | " + " | ".join(FIGURES) + " |", "|---" * (len(FIGURES) + 1) + "|"]


def report(ours: dict[str, Any], peers: dict[str, Any]) -> str:
    """The tables as Markdown."""
    out = []
    for moment in MOMENTS:
        own = ours[moment]
        out += [f"**{moment.upper()}**, {ours['cases']} cases", "", *header("estimator")]
        out.append(line("**Toll**", own["all"]))
        for figures in peers["dev"]["all400"].values():
            out.append(line(figures["name"], figures[moment]))
        goals = GOALS[moment]
        for rank, name in enumerate(("at least", "aim")):
            out.append(line(name, {figure: pair[rank] for figure, pair in goals.items()}))
        out += ["", *header("peers on every third case or so")]
        for figures in peers["dev"].get("subset120", {}).values():
            out.append(line(figures["name"], figures[moment]))
        for tag in ("scenario", "slot", "source"):
            out += ["", *header(tag), *(line(g, f) for g, f in own[tag].items())]
        out.append("")
    forecast = ours["forecast"]
    out.append(
        "What LIVE forecasts to be lost in the end, against the FINAL truth (flow): "
        f"WAPE {forecast['wape']:.3f}, coverage {forecast['coverage']:.2f}."
    )
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--fast", action="store_true", help="every fourth case, writes nothing")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if not (folder / "cases.jsonl").exists():
        parser.error(f"no benchmark in {folder}: give the folder that holds cases.jsonl")
    ours = measure(folder, options.fast)
    peers = json.loads((folder / "results-peers.json").read_text())
    text = report(ours, peers)
    print(text)
    if options.fast:
        return
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "accuracy.json").write_text(json.dumps(ours, indent=1))
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
