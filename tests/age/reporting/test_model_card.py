"""The model card in the pushed model."""

import pathlib
import re

from age.reporting import model_card, page
from schemas.verdict import Verdict

HEADINGS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]


def pushed(generated, tmp_path):
    (tmp_path / "model" / "assets.extra").mkdir(parents=True)
    verdict = generated.with_changes()
    verdict["paths"]["model"] = str(tmp_path / "model")
    return verdict


def test_card_has_the_sections_of_the_usual_form_and_the_numbers_of_the_verdict(generated, tmp_path):
    verdict = pushed(generated, tmp_path)

    path = model_card.write(Verdict.from_content(verdict))

    text = pathlib.Path(path).read_text(encoding="utf-8")
    assert path == str(tmp_path / "model" / "assets.extra" / "model_card.md")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == HEADINGS
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")][2:]
    metrics = verdict["metrics"]
    low, high = metrics["mae_interval"]["low"], metrics["mae_interval"]["high"]
    assert rows[0] == [
        "whole test split",
        "100",
        f"{metrics['mae']:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{metrics['bias']:+.2f}",
        f"{100 * metrics['within_5_years']:.1f} %",
    ]
    judged = [entry for entry in verdict["slices"] if not entry["small"]]
    assert [row[0] for row in rows[1:]] == [
        f"{entry['feature'].replace('age_decade', 'age')} {entry['value']}" for entry in judged
    ]
    assert [row[2] for row in rows[1:]] == [f"{entry['mae']:.2f}" for entry in judged]
    small = sum(entry["small"] for entry in verdict["slices"])
    assert small and f"{small} by decade of age" in text


def test_card_says_first_for_whom_the_model_is_and_for_whom_not(generated, tmp_path):
    verdict = pushed(generated, tmp_path)
    verdict["groups"].append({**verdict["groups"][1], "attribute": "name", "value": "Anna", "lowest_age": None})

    text = pathlib.Path(model_card.write(Verdict.from_content(verdict))).read_text(encoding="utf-8")

    assert text.splitlines()[2] == (
        "**It may serve for ages 0 to 69 and every gender.** Not for 70 and over: the evidence is not enough. "
        "Nor for 1 value of name, for which it is not either."
    )


def test_card_says_what_a_server_may_expect(generated, tmp_path):
    text = model_card.render(Verdict.from_content(pushed(generated, tmp_path)))

    assert "TensorFlow 2.16.2 alone loaded it in 1.9 seconds and answered 64 test photographs" in text
    assert "one photograph took 31 ms (median, on a processor), and the process 640 MB of memory at most." in text
    unasked = Verdict.from_content({**pushed(generated, tmp_path / "old"), "canary": None})
    assert "alone loaded it" not in model_card.render(unasked)


def test_card_says_what_the_model_was_trained_with_and_what_of_it_differs_where_the_card_was_written(generated, tmp_path):
    trained = {"commit": "ab" * 20, "clean": True, "python": "3.10.13", "device": "CPU", "versions": {"keras": "3.12.4"}}
    verdict = {**pushed(generated, tmp_path), "environment": {**trained, "versions": {"keras": "3.15"}}}
    verdict["training"] = {**verdict["training"], "environment": trained}

    text = model_card.render(Verdict.from_content(verdict))

    assert f"Trained with keras 3.12.4; Python 3.10.13 on an unknown system, on CPU. Code at commit {'ab' * 20}." in text
    assert "written by another process, in which differed: keras 3.15." in text
    alike = {**verdict, "environment": trained}
    assert "another process" not in model_card.render(Verdict.from_content(alike))


def test_card_says_how_far_intervals_can_be_trusted(generated, tmp_path):
    verdict = pushed(generated, tmp_path)
    whole = {"coverage": 0.912, "mean_width": 17.25, "example_count": 100}
    without = pathlib.Path(model_card.write(Verdict.from_content(verdict))).read_text(encoding="utf-8")
    (tmp_path / "model" / "assets.extra" / "model_card.md").unlink()
    verdict["intervals"] = {"promised": 0.9, "whole": whole, "slices": [{**whole, "feature": "name", "value": "Anna Meier"}]}

    text = pathlib.Path(model_card.write(Verdict.from_content(verdict))).read_text(encoding="utf-8")

    assert "The intervals hold 91.2 % of the real ages (90 % promised), at a mean width of 17.25 years." in text
    assert "`age_low` and `age_high`" in text and "Anna" not in text
    assert "age_low" not in without and "intervals hold" not in without


def test_card_says_nothing_about_single_people(generated, tmp_path):
    verdict = pushed(generated, tmp_path)
    verdict["slices"].append({**verdict["slices"][0], "feature": "name", "value": "Anna Meier", "small": True})

    text = model_card.render(Verdict.from_content(verdict))

    names = {row.file_name for rows in generated.splits.values() for row in rows} | {
        "gone.png",
        "Anna Meier",
        "/data/faces",
        "/runs/faces",
    }
    assert [name for name in names if name in text] == []


def test_card_of_a_model_that_was_pushed_before_stays(generated, tmp_path):
    verdict = pushed(generated, tmp_path)
    first = pathlib.Path(model_card.write(Verdict.from_content(verdict))).read_text(encoding="utf-8")

    again = model_card.write(Verdict.from_content({**verdict, "run_id": "20270101-000000"}))

    assert pathlib.Path(again).read_text(encoding="utf-8") == first


def test_there_is_no_card_without_a_pushed_model(generated, tmp_path):
    assert model_card.write(Verdict.from_content(generated.verdict)) is None
    removed = generated.with_changes()
    removed["paths"]["model"] = str(tmp_path / "removed")
    assert model_card.write(Verdict.from_content(removed)) is None
    assert list(tmp_path.iterdir()) == []


def test_card_is_linked_from_the_page(generated, tmp_path):
    verdict = pushed(generated, tmp_path)
    verdict["paths"]["model_card"] = model_card.write(Verdict.from_content(verdict))

    page.write(Verdict.from_content(verdict), str(tmp_path / "report"))

    assert '<a href="model_card.md">' in (tmp_path / "report" / "report.html").read_text()
    assert (tmp_path / "report" / "model_card.md").read_text() == pathlib.Path(verdict["paths"]["model_card"]).read_text()


def test_card_says_how_far_it_is_off_on_photographs_made_worse(made_worse, generated):
    text = model_card.render(Verdict.from_content(made_worse))

    assert "| left half covered | 7.25 | +2.50 | +1.50 to +3.25 |\n" in text and "| as they are | 4.75 | | |" in text
    assert "make-up and expression, were not looked at" in text
    without = model_card.render(Verdict.from_content(generated.verdict))
    assert "made worse" not in without and "lighting, pose, make-up and image quality, were not looked at" in without


def test_hostile_values_are_letters_in_markdown(generated, tmp_path):
    verdict = pushed(generated, tmp_path)
    value = "<script>|[a](javascript:x)|`b`\n# c\u202e"
    verdict["slices"].append({**verdict["slices"][0], "feature": "tag", "value": value, "small": False})

    text = model_card.render(Verdict.from_content(verdict))

    (line,) = [line for line in text.splitlines() if line.startswith("| tag ")]
    assert line.startswith(r"| tag &lt;script&gt;\|\[a\](javascript:x)\|\`b\` # c\\u202e |")
    assert "<script" not in text and "\u202e" not in text


def test_card_says_that_a_model_is_the_mean_of_several_networks(ensemble):
    text = model_card.render(Verdict.from_content(ensemble))

    assert "- The mean of 2 networks, trained with the loss" in text and "- Trained for" not in text


def test_card_says_in_how_many_stages_a_model_was_trained(in_stages):
    text = model_card.render(Verdict.from_content(in_stages))

    assert "- Trained for 3 epochs in 2 stages with the loss" in text
    assert "the weights are those of epoch 2, the best of the last stage on the validation split." in text
