"""The written page, read in a browser."""

import itertools
import json
import pathlib

import numpy as np
import pytest

from age.reporting import charts, reproduction, shown_predictions
from age.untrusted_text import harmless
from tests.age.reporting.conftest import make_rows, write_predictions

OLD_KEYS = {
    "run_id",
    "blessed",
    "stopped_by",
    "reasons",
    "thresholds",
    "metrics",
    "champion",
    "slices",
    "model_version",
    "data_fingerprint",
    "data",
    "paths",
    "training",
    "configuration",
    "versions",
    "created",
}
OLD_DATA_KEYS = {"directory", "rows", "used", "rejected", "duplicates", "splits", "rejects"}
OLD_PATHS = {"metadata", "model", "rejects", "evaluation", "report"}


def old(generated):
    """What `blessing.json` said before the report had charts."""
    verdict = {key: value for key, value in generated.with_changes(champion=None).items() if key in OLD_KEYS}
    verdict["data"] = {key: value for key, value in verdict["data"].items() if key in OLD_DATA_KEYS}
    verdict["paths"] = {key: value for key, value in verdict["paths"].items() if key in OLD_PATHS}
    verdict["metrics"].pop("mae_interval")
    for entry in verdict["slices"]:
        entry.pop("mae_interval", None)
    return verdict


def unblessed(generated):
    return generated.with_changes(
        blessed=False, model_version=None, reasons=["The MAE is 9.10 years; allowed is at most 8 (evaluator.max_mae)."]
    )


def refused_by_the_canary(generated):
    reason = "The canary refused the exported model: loaded by TensorFlow alone, it fails: DataLossError: truncated."
    canary = {"passed": False, "reasons": [reason], "photographs": 64, "server": "TensorFlow 2.16.2"}
    return generated.with_changes(blessed=False, model_version=None, reasons=[reason], canary=canary)


def without_faces(generated):
    verdict = generated.with_changes()
    verdict["configuration"]["report"]["faces"] = False
    return verdict


def of_a_model_that_did_not_answer(generated):
    verdict = unblessed(generated)
    verdict["metrics"] = {
        **verdict["metrics"],
        "mae": float("nan"),
        "rmse": float("nan"),
        "bias": float("nan"),
        "mae_interval": None,
    }
    return verdict


def without_a_usable_row(generated):
    """What the data gate says of a label file all of whose images are missing."""
    verdict = generated.stopped()
    nothing = dict.fromkeys(("mean", "std", "min", "q25", "median", "q75", "max"))
    empty = {"count": 0, **nothing, "histogram": {"edges": [0.0, 5.0], "counts": [0]}}
    verdict["data"].update(
        used=0, splits={}, sizes=[], brightness={}, attributes={}, ages={split: empty for split in verdict["data"]["ages"]}
    )
    verdict["paths"]["examples"] = "/nowhere/at/all"
    return verdict


STATES = {
    "blessed": lambda generated: generated.verdict,
    "first": lambda generated: generated.with_changes(champion=None),
    "unblessed": unblessed,
    "refused_by_the_canary": refused_by_the_canary,
    "stopped": lambda generated: generated.stopped(),
    "explored": lambda generated: generated.explored(),
    "explored_and_bad": lambda generated: {**generated.stopped(), "kind": "explore", "blessed": None},
    "without_faces": without_faces,
    "not_a_number": of_a_model_that_did_not_answer,
    "no_usable_row": without_a_usable_row,
    "old": old,
}


@pytest.fixture(params=STATES)
def state(request, generated):
    return STATES[request.param](generated)


CONTRAST = """() => {
  const number = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = number(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || ["TITLE", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const letters = light(number(element instanceof SVGElement ? style.fill : style.color)), paper = light(behind(element));
    const ratio = (Math.max(letters, paper) + 0.05) / (Math.min(letters, paper) + 0.05);
    found.push([ratio, node.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


def cells(opened, selector):
    """Texts of a table's body, row by row."""
    return opened.eval_on_selector_all(
        f"{selector} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )


def table(opened, caption):
    (found,) = opened.eval_on_selector_all(
        "table",
        "(tables, caption) => tables.filter(one => one.caption && one.caption.textContent.trim().startsWith(caption))"
        ".map(one => [...one.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim())))",
        caption,
    )
    return found


def test_page_opens_from_disk_without_complaints_or_requests(state, written, reader):
    path = written(state)

    opened = reader.open(path)

    assert opened.title()
    assert reader.complaints == []
    assert reader.requests[0] == path.as_uri()
    assert reader.outside_requests() == []
    assert [url for url in reader.requests if url.startswith("file:")] == [path.as_uri()]
    assert path.stat().st_size < 3_000_000


def test_page_has_no_script_and_forbids_everything_but_its_own_styles_and_pictures(generated, written, reader):
    opened = reader.open(written(generated.verdict))

    assert opened.eval_on_selector_all("script, iframe, object, link[rel=stylesheet]", "found => found.length") == 0
    policy = opened.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_page_does_not_scroll_sideways_on_a_phone(state, written, reader):
    opened = reader.open(written(state), width=400)

    assert opened.evaluate("document.documentElement.scrollWidth") <= 400
    charts_wide = opened.eval_on_selector_all("svg.chart", "all => all.map(one => one.getBoundingClientRect().right)")
    assert all(right <= 400 for right in charts_wide)
    letters = opened.eval_on_selector_all(
        "svg.chart text",
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getScreenCTM().a)",
    )
    assert all(pixels >= 9 for pixels in letters)


@pytest.mark.parametrize("scheme, media", [("light", "screen"), ("dark", "screen"), ("dark", "print")])
def test_every_text_stands_out_from_what_is_behind_it(state, written, reader, scheme, media):
    opened = reader.open(written(state), scheme=scheme, media=media)

    found = opened.evaluate(CONTRAST)

    assert len(found) > 20
    assert [text for ratio, text in found if ratio < 4.5] == []  # WCAG 2.2, 1.4.3
    paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(21, 24, 28)" if (scheme, media) == ("dark", "screen") else "rgb(255, 255, 255)")


def test_page_can_be_read_aloud(state, written, reader):
    opened = reader.open(written(state))

    levels = opened.eval_on_selector_all("h1, h2, h3", "found => found.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert opened.eval_on_selector_all("th:not([scope])", "found => found.length") == 0
    assert opened.eval_on_selector_all("img:not([alt]), img[alt='']", "found => found.length") == 0
    labels = opened.eval_on_selector_all(
        "svg", "all => all.map(one => [one.getAttribute('aria-label'), one.querySelector('title').textContent])"
    )
    assert all(label and label == title for label, title in labels)
    ids = opened.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    links = opened.eval_on_selector_all("a[href^='#']", "all => all.map(one => one.getAttribute('href').slice(1))")
    assert set(links) <= set(ids)


def test_verdict_is_said_first(generated, written, reader):
    def first(state):
        return reader.open(written(state)).inner_text(".verdict")

    blessed = first(generated.verdict)
    metrics = generated.verdict["metrics"]
    low, high = metrics["mae_interval"]["low"], metrics["mae_interval"]["high"]
    assert blessed.startswith("Yes, for ages 0 to 69 and every gender\n\nNot for 70 and over: ")
    assert "photographs, on average 13 years too young.\n\nBlessed. " in blessed
    assert f"{metrics['mae']:.2f} years (95 % interval {low:.2f} to {high:.2f}) on 100 test photographs; at most 8" in blessed
    assert f"{8 - metrics['mae']:.2f} years below the largest error allowed" in blessed
    assert "Version 1790000000, which is being served" in blessed and "0.31 years better" in blessed
    assert f"23.40 years: the model's error is {100 * (1 - metrics['mae'] / 23.4):.0f} % smaller" in blessed
    assert first(unblessed(generated)).startswith("No\n\nNot blessed: The MAE is 9.10 years; allowed is at most 8")
    stopped = first(generated.stopped())
    assert stopped.startswith("No") and "the data gate stopped the run before training" in stopped
    assert all(reason in stopped for reason in generated.stopped()["reasons"])
    assert first(generated.explored()).startswith("Explored\n\n200 of 209 rows can be used. No model was trained.")
    assert "would be stopped: 9 of 209 rows" in first(STATES["explored_and_bad"](generated))


def test_every_group_is_listed_with_what_the_evidence_says_of_it(generated, written, reader):
    rows = table(reader.open(written(generated.verdict)), "What the evidence says")

    assert [row[:2] for row in rows] == [
        ["ages 0 to 69", "enough, and good"],
        ["ages 70 and over", "not enough"],
        ["gender=female", "enough, and good"],
        ["gender=male", "enough, and good"],
    ]
    assert rows[1][2:] == [str(sum(row.age >= 70 for row in generated.splits["test"])), "13.00", "-13.00"]


def test_a_verdict_that_says_nothing_of_groups_is_shown_without_them(generated, written, reader):
    opened = reader.open(written(old(generated)))

    assert opened.inner_text(".answer") == "Yes" and opened.query_selector("#groups") is None


def test_an_interval_that_reaches_over_the_limit_is_pointed_out(generated, written, reader):
    verdict = generated.with_changes()
    verdict["metrics"]["mae_interval"] = {"low": 4.0, "high": 8.4, "confidence": 0.95, "resamples": 2000}

    assert "another draw of test photographs could have ended the other way" in reader.open(written(verdict)).inner_text(
        ".verdict"
    )


def test_numbers_are_those_of_blessing_json(generated, written, reader):
    path = written(generated.verdict)
    said = json.loads((path.parent / "blessing.json").read_text())

    opened = reader.open(path)

    assert said == json.loads(json.dumps(generated.verdict))
    rows = {row[0]: row[1] for row in table(opened, "On the whole test split")}
    metrics = said["metrics"]
    assert rows["mean absolute error (MAE)"] == f"{metrics['mae']:.2f} years"
    assert rows["root mean squared error"] == f"{metrics['rmse']:.2f} years"
    assert rows["bias, predicted minus real"] == f"{metrics['bias']:+.2f} years"
    assert rows["within 5 years"] == f"{100 * metrics['within_5_years']:.1f} %"
    assert rows["photographs"] == str(metrics["example_count"])
    by_slice = {row[0].removesuffix(" (small)"): row for row in table(opened, "Error by slice")}
    for entry in said["slices"]:
        row = by_slice[f"{entry['feature'].replace('age_decade', 'age')} {entry['value']}"]
        assert row[1:3] == [str(entry["example_count"]), f"{entry['mae']:.2f}"]
        assert row[4:] == [f"{entry['bias']:+.2f}", f"{100 * entry['within_5_years']:.1f} %"]
        assert row[0].endswith("(small)") == entry["small"]
        low_high = "" if entry["small"] else "{low:.2f} to {high:.2f}".format(**entry["mae_interval"])
        assert row[3] == low_high
    for where, *numbers in cells(opened, "table:has(#age-table)"):
        ages = said["data"]["ages"]["labels" if where == "all labels" else where]
        assert numbers[:3] == [str(ages["count"]), f"{ages['mean']:.2f}", f"{ages['std']:.2f}"]
        assert [float(number) for number in numbers[3:]] == [ages[key] for key in ("min", "q25", "median", "q75", "max")]
    stages = table(opened, "How long each stage took")
    assert [row[:2] for row in stages] == [
        ["FaceExampleGen", "7.7 s"],
        ["StatisticsGen", "from the cache"],
        ["Trainer", "15 min 20 s"],
    ]
    text = opened.inner_text("body")
    for expected in ("Ages 40-49: MAE 7.1 years", "ab" * 32, "epoch 2", "1790000001", "20260101-120000", "gone.png"):
        assert expected in text


def test_what_the_canary_found_is_said(generated, written, reader):
    opened = reader.open(written(generated.verdict))

    assert table(opened, "What a server may expect") == [
        ["loaded by", "TensorFlow 2.16.2"],
        ["loading", "1.9 s"],
        ["one photograph, median", "31 ms"],
        ["memory at most", "640 MB"],
        ["largest difference, one at a time", "0.00002 years"],
    ]
    refused = reader.open(written(refused_by_the_canary(generated)))
    assert "No. Before the push" in refused.text_content("#canary") and "DataLossError" in refused.text_content("#canary")
    assert reader.open(written(generated.with_changes(canary=None))).query_selector("#canary") is None


def test_what_trained_stands_beside_what_wrote_the_verdict_and_differences_are_marked(generated, written, reader):
    here = {"commit": "ab" * 20, "clean": False, "python": "3.10.13", "device": "CPU", "versions": {"keras": "3.12.4"}}
    verdict = generated.with_changes(environment={**here, "versions": {"keras": "3.15"}})
    verdict["training"]["environment"] = here

    opened = reader.open(written(verdict))

    rows = dict((name, values) for name, *values in table(opened, "Code, libraries and machine"))
    assert rows["commit of the code"] == [f"{'ab' * 20}, with changes that were not committed"] * 2
    assert rows["keras"] == ["3.12.4", "3.15"] and rows["stack"] == ["not known"] * 2
    assert "not like" in opened.text_content("#provenance")
    assert opened.eval_on_selector_all("#provenance td strong", "all => all.map(one => one.textContent)") == ["3.12.4", "3.15"]
    verdict["environment"] = here
    assert "were alike" in reader.open(written(verdict)).text_content("#provenance")


def test_charts_draw_what_the_predictions_say(generated, written, reader):
    opened = reader.open(written(generated.verdict))
    rows = generated.splits["test"]
    real = np.array([row.age for row in rows])
    predicted = np.array([row.predicted for row in rows])
    absolute = np.abs(predicted - real)

    for tolerance, share in cells(opened, "table:has(#cumulative-table)"):
        years = int(tolerance.removesuffix(" years"))
        assert share == f"{100 * sum(error <= years for error in absolute) / len(rows):.1f} %"
    counted = 0
    for between, number in cells(opened, "table:has(#error-table)"):
        low, high = (float(end) for end in between.split(" to "))
        assert int(number) == sum(low <= error < high for error in predicted - real)
        counted += int(number)
    assert counted == len(rows)
    # Every point lies where its two ages belong: one straight scale on each axis takes the ages to the places drawn.
    points = np.array(
        opened.eval_on_selector_all(
            "#scatter-points use", "all => all.map(one => [Number(one.getAttribute('x')), Number(one.getAttribute('y'))])"
        )
    )
    assert points.shape == (len(rows), 2)
    for ages, places, direction in ((real, points[:, 0], 1), (predicted, points[:, 1], -1)):
        slope, start = np.polyfit(ages, places, 1)
        np.testing.assert_allclose(places, start + slope * ages, atol=0.01)
        assert np.sign(slope) == direction


def test_slices_are_drawn_on_one_scale_with_their_counts_and_small_ones_hollow(generated, written, reader):
    opened = reader.open(written(generated.verdict))
    decades = [entry for entry in generated.verdict["slices"] if entry["feature"] == "age_decade"]
    genders = [entry for entry in generated.verdict["slices"] if entry["feature"] == "gender"]

    drawn = []
    for name, entries in (("slices0", decades), ("slices1", genders)):
        for place, entry in enumerate(entries):
            (x,) = opened.eval_on_selector_all(
                f"#{name}-mae_of_row_{place}_ use", "all => all.map(one => Number(one.getAttribute('x')))"
            )
            fill = opened.eval_on_selector(f"#{name}-mae_of_row_{place}_ use", "one => getComputedStyle(one).fill")
            drawn.append((entry["mae"], x))
            assert (fill == "rgb(255, 255, 255)") == entry["small"]
    mae, x = np.array(drawn).T
    slope, start = np.polyfit(mae, x, 1)
    np.testing.assert_allclose(x, start + slope * mae, atol=0.01)
    texts = opened.eval_on_selector_all("svg text", "all => all.map(one => one.textContent)")
    for entry in generated.verdict["slices"]:
        assert f"n = {entry['example_count']}" + (", small" if entry["small"] else "") in texts


def test_intervals_are_shown_in_the_whole_and_by_slice(generated, written, reader):
    verdict = generated.with_changes()
    whole = {"coverage": 0.912, "mean_width": 17.25, "example_count": 100}
    decade = {"coverage": 0.5, "mean_width": None, "example_count": 4, "feature": "age_decade", "value": "80-89"}
    verdict["intervals"] = {"promised": 0.9, "whole": whole, "slices": [decade]}
    verdict["thresholds"]["min_coverage"] = 0.87

    text = " ".join(written(verdict).read_text(encoding="utf-8").split())

    assert "should hold the real age of 90 % of people at every age. On the test photographs it holds 91.2 %" in text
    assert "is 17.25 years wide on average. At least 87.0 % is asked for." in text
    assert 'age 80-89</th><td class="number">4</td><td class="number">50.0 %</td>' in text


def test_the_error_on_photographs_made_worse_is_drawn_and_listed(made_worse, generated, written, reader):
    opened = reader.open(written(made_worse))

    rows = [row.inner_text().split("\t") for row in opened.locator("#robustness ~ .wide table").first.locator("tr").all()]
    assert [row[0] for row in rows] == ["photographs", "as they are", "blurred a little", "left half covered"]
    assert rows[3][1:] == ["7.25", "6.53 to 7.98", "+2.50", "+1.50 to +3.25", "-2.00", "7.00"] and rows[2][-1] == ""
    assert rows[1][1] == "4.75"
    chart = opened.locator("#robustness ~ .charts svg").first
    assert chart.locator("[id^=robustness-mae_of_row_]").count() == 2
    texts = chart.locator("text").evaluate_all("all => all.map(one => one.textContent)")
    assert {"blurred mild", "left covered", "│ as they are: 4.75"} <= set(texts)
    assert reader.open(written(generated.verdict)).locator("#robustness").count() == 0


def test_slices_that_are_all_small_are_not_said_to_be_well(generated, written, reader):
    small = [{**entry, "small": True, "mae_interval": None} for entry in generated.verdict["slices"]]

    text = reader.open(written(generated.with_changes(slices=small, weakest_slices=[]))).inner_text("#error")

    assert "Every slice is too small to be judged." in text
    assert "clearly worse" not in text


def test_worst_predictions_and_random_sample_are_shown_with_their_photographs(generated, written, reader):
    opened = reader.open(written(generated.verdict))
    rows = sorted(generated.splits["test"], key=lambda row: -abs(row.predicted - row.age))

    worst, sample = opened.eval_on_selector_all(
        "#photographs .faces",
        "all => all.map(one => [...one.children].map(face => [face.innerText, face.querySelector('img').naturalWidth,"
        " face.querySelector('img').src]))",
    )

    assert len(worst) == len(sample) == 24
    for row, (text, width, _) in zip(rows, worst):
        error = row.predicted - row.age
        assert text.split("\n") == [
            f"real {row.age:g}",
            f"predicted {row.predicted:.1f}",
            f"{error:+.1f} years",
            row.file_name,
        ]
        assert width == 96
    assert len({source for _, _, source in (*worst, *sample)}) > 24
    across = opened.eval_on_selector_all("#data .faces li", "all => all.map(one => parseFloat(one.innerText))")
    assert across == sorted(across) and len(across) > 30


def test_no_face_is_shown_when_they_are_switched_off(generated, written, reader):
    path = written(without_faces(generated))

    opened = reader.open(path)

    assert "data:image" not in path.read_text()
    assert opened.eval_on_selector_all("img", "all => all.length") == 0
    assert "No photographs are shown: report.faces is off" in opened.inner_text("#data")
    assert "real" in opened.inner_text("#photographs")


HOSTILE = (
    "<script>document.title='owned'</script>.png",
    '"><img src=x onerror="document.title=\'owned\'">.png',
    "{{ 7 * 7 }}{% raw %}",
    "</title></style></table><h1>gone</h1>",
    "\u202egnp.exe\u2066",
    "\udcff\x00\x1b[31m$\\frac{1}{2}$",
    "x" * 10_000,
    "\u05e9\u05dc\u05d5\u05dd",
)


def hostile(generated, name, directory):
    """Puts a text into every place that data or configuration reach."""
    verdict = generated.with_changes(blessed=False, reasons=[name, f"Reason {name}"], run_id=f"run {name}")
    rows = [*generated.splits["test"]]
    rows[0] = type(rows[0])(
        name.replace("\udcff", "\ufffd").replace("\0", ""), rows[0].sha256, 1.0, 90.0, "male", rows[0].encoded
    )
    verdict["paths"]["predictions"] = write_predictions(pathlib.Path(directory) / "predictions.csv", rows)
    verdict["paths"]["metadata"] = name
    verdict["paths"].pop("examples")
    verdict["slices"] = [
        *verdict["slices"],
        {**verdict["slices"][0], "feature": name, "value": name, "small": False},
        {**verdict["slices"][0], "feature": name, "value": name + "2", "small": True},
    ]
    verdict["weakest_slices"] = [name]
    data = verdict["data"]
    data["reject_examples"] = [{"line": 2, "file_name": name, "real_age": name, "reason": name, "detail": name}]
    data["rejects"] = {name: 1}
    data["attributes"] = {name: [{"value": name, "count": 3}]}
    data["anomalies"] = [name]
    data["directory"] = name
    verdict["versions"] = {name: name}
    verdict["stages"] = [{"name": name, "seconds": 1.0, "cached": False}]
    verdict["configuration"]["data"]["dir"] = name
    verdict["training"]["device"] = name
    verdict["training"]["precision"] = name
    return verdict


def test_page_tells_of_every_network_of_an_ensemble_and_what_their_mean_came_to(ensemble, written, reader):
    opened = reader.open(written(ensemble))

    assert "The model is the mean of 2 networks, which together came to 7.50 years MAE" in opened.inner_text("#training")
    assert table(opened, "The networks of the ensemble") == [
        ["1", "seed 0", "3", "2", "7.75"],
        ["2", "seed 1, freeze_through conv_pw_6_relu", "3", "2", "8.00"],
    ]


def test_page_tells_in_how_many_stages_a_network_was_trained(in_stages, written, reader):
    opened = reader.open(written(in_stages))

    told = opened.inner_text("#training")
    assert (
        "3 epochs in 2 stages (1 + 2). Kept are the weights of epoch 2, which did best on the validation split in the last"
        in told
    )


@pytest.mark.parametrize("name", HOSTILE, ids=[f"text{number}" for number in range(len(HOSTILE))])
def test_hostile_text_is_shown_and_does_nothing(generated, written, reader, tmp_path, name):
    path = written(hostile(generated, name, tmp_path))

    opened = reader.open(path, width=400)

    assert reader.complaints == [] and reader.outside_requests() == []
    assert opened.title().startswith("No: age model, run run ")
    assert opened.eval_on_selector_all("script, [onerror], h1", "all => all.map(one => one.tagName)") == ["H1"]
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400
    page_text = path.read_text(encoding="utf-8")
    assert not set("\u202e\u2066\x00\x1b") & set(page_text)
    (row,) = table(opened, "Up to five examples")
    shown = harmless(name, 60)
    assert row[2] == shown
    assert len(page_text) < 3_000_000


def test_commands_to_make_the_run_again_are_on_the_page(generated, written, reader):
    opened = reader.open(written(generated.verdict))

    shown = opened.eval_on_selector("#reproduce", "one => one.textContent")

    assert shown == reproduction.command(generated.verdict["configuration"])
    explored = reader.open(written(generated.explored())).eval_on_selector("#reproduce", "one => one.textContent")
    assert explored.endswith("\nage-pipeline explore --config run.yaml")


def test_a_large_test_split_stays_a_small_page(generated, written, reader, tmp_path):
    rows = make_rows(2000, 9) * 50
    verdict = generated.with_changes()
    verdict["paths"]["predictions"] = write_predictions(tmp_path / "predictions.csv", rows)
    verdict["data"]["reject_examples"] = [
        {"line": n, "file_name": "y" * 300, "real_age": "1", "reason": f"reason {n % 40}", "detail": "z" * 300}
        for n in range(200)
    ]
    verdict["data"]["attributes"] = {
        f"attribute {n}": [{"value": "v" * 200 + str(m), "count": 9} for m in range(30)] for n in range(50)
    }
    verdict["slices"] = [
        {**verdict["slices"][0], "feature": f"attribute {n}", "value": f"{m} " + "v" * 200}
        for n in range(50)
        for m in range(30)
    ]
    verdict["reasons"] = ["w" * 900] * 300
    verdict["blessed"] = False

    path = written(verdict)
    opened = reader.open(path)

    assert path.stat().st_size < 3_000_000
    assert opened.eval_on_selector_all("#scatter-points use", "all => all.length") == charts.MAX_POINTS
    assert "2,000 of 100,000 at random" in opened.inner_text("#error")


def test_rejected_rows_lie_beside_the_page(generated, written, reader):
    path = written(generated.verdict)

    opened = reader.open(path)

    assert (path.parent / "rejects.csv").read_bytes() == (generated.directory / "rejects.csv").read_bytes()
    assert "rejects.csv" in opened.eval_on_selector_all("#data a", "all => all.map(one => one.getAttribute('href'))")


def test_near_duplicates_and_groups_are_counted_and_shown(generated, written, reader):
    verdict = generated.with_changes()
    pair = {
        "file_name": "<b>anna.jpg",
        "real_age": 30.0,
        "other_file_name": "again.jpg",
        "other_real_age": 52.0,
        "differing_bits": 9,
        "mirrored": True,
        "apart": True,
    }
    verdict["data"]["near_duplicates"] = {"pairs": 63, "apart": 25, "different_ages": 49, "examples": [pair]}
    verdict["data"]["groups"] = {"groups": 82, "apart": 70}
    verdict["configuration"]["data"]["group_column"] = "person_id"

    listed = generated.directory / "near_duplicates.csv"
    listed.write_text("file_name,real_age\n")

    path = written(verdict)
    listed.unlink()
    opened = reader.open(path)

    assert (path.parent / "near_duplicates.csv").read_text() == "file_name,real_age\n"
    rows = opened.eval_on_selector_all("#data table tr", "all => all.map(one => one.innerText.replace(/\\s+/g, ' ').trim())")
    assert [row for row in rows if row.startswith("near-duplicates 63 pairs") and "25 would be in two" in row]
    assert [row for row in rows if row.startswith("groups 82 values of person_id") and "70 would be in several" in row]
    shown = opened.inner_text("#near-duplicates tbody").split("\t")
    assert [cell.strip() for cell in shown] == [
        "<b>anna.jpg",
        "30",
        "again.jpg",
        "52",
        "9",
        "mirrored, would be in two splits",
    ]


def test_photographs_that_are_gone_are_said_to_be_and_the_page_is_written(generated, written, reader):
    verdict = generated.with_changes()
    verdict["paths"]["examples"] = str(generated.directory / "rejects.csv")
    verdict["paths"]["predictions"] = str(generated.directory / "gone.csv")

    text = reader.open(written(verdict)).inner_text("main")

    assert "The predictions can't be read" in text
    assert "Error by slice" in text


def test_unanswered_photographs_are_counted(generated, written, reader, tmp_path):
    verdict = of_a_model_that_did_not_answer(generated)
    rows = [*generated.splits["test"]]
    rows[3] = type(rows[3])("a.png", rows[3].sha256, 30.0, float("nan"), "male", rows[3].encoded)
    verdict["paths"]["predictions"] = write_predictions(tmp_path / "predictions.csv", rows)

    text = reader.open(written(verdict)).inner_text("#error")

    assert "1 photograph got no number for an answer" in text
    assert "not a number" in text


def test_random_sample_is_the_same_in_every_reading_and_spread_over_the_split(generated):
    path = generated.verdict["paths"]["predictions"]
    names = [row.file_name for row in generated.splits["test"]]

    first, second = shown_predictions.read(path).sample, shown_predictions.read(path).sample

    assert first == second
    places = sorted(names.index(row.file_name) for row in first)
    assert len(set(places)) == 24 and places[-1] > 60
