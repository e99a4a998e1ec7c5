"""A configuration is validated as a whole, and every complaint names the key, the value and what is allowed."""

import os
import pathlib
import re

import pytest

from pipeline import configuration
from schemas.bad_input import BadInput

CONFIGS = sorted((pathlib.Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.fixture
def file(tmp_path):
    """Writes a configuration file and returns its path."""

    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return str(path)

    return write


def complaint(path=None, *overrides, **options):
    with pytest.raises(BadInput) as raised:
        configuration.load(path, list(overrides), **options)
    message = str(raised.value)
    for line in message.splitlines():
        assert re.match(r"(the configuration|--set|--data|trainer.hyperparameters|/)", line), "every line says where"
        assert line.endswith("."), "every line is a sentence"
    return message


def loaded(*overrides):
    return configuration.load(None, list(overrides))


def test_a_model_server_is_a_path_or_a_name_on_the_path():
    assert loaded("pusher.model_server=bin/tensorflow_model_server").pusher.model_server == os.path.abspath(
        "bin/tensorflow_model_server"
    )
    assert loaded("pusher.model_server=tensorflow_model_server").pusher.model_server == "tensorflow_model_server"
    assert "pusher.model_server is ''" in complaint(None, "pusher.model_server=")


def test_defaults_are_those_of_the_design():
    defaults = configuration.load()
    assert configuration.splits_in_order(defaults.data.splits) == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert defaults.evaluator.max_mae == 8
    assert defaults.trainer.weights == "imagenet"
    assert defaults.beam.runner == "DirectRunner"
    assert defaults.report.faces is True
    assert defaults.serving_dir == os.path.join(defaults.workdir, "serving", "age")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_ready_made_file_loads(path):
    assert isinstance(configuration.load(str(path)), configuration.Configuration)


def test_ready_made_files_of_the_design_exist():
    assert {"demo.yaml", "faces.yaml"} <= {path.name for path in CONFIGS}


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment\n", "---\n", "\ufeff"])
def test_file_without_keys_takes_the_defaults(file, text):
    assert configuration.load(file(text)) == configuration.load()


@pytest.mark.parametrize(
    "text, key, allowed",
    [
        ("tariner: {epochs: 5}", "tariner", "trainer"),
        ("trainer: {epoch: 5}", "trainer.epoch", "epochs"),
        ("trainer: {augmentation: {flip: true}}", "trainer.augmentation.flip", "mirror"),
        ("data: {sample: {size: 5}}", "data.sample.size", "image_size"),
        ("data: {splits: {training: 0.8}}", "data.splits.training", "train"),
        ("evaluator: {mae: 8}", "evaluator.mae", "max_mae"),
    ],
)
def test_unknown_key_is_named_beside_those_that_exist(file, text, key, allowed):
    message = complaint(file(text))
    assert f": {key}: there is no such key. Expected one of " in message
    assert allowed in re.split(r"[ ,.]+", message.split("Expected one of")[1])


@pytest.mark.parametrize(
    "text, said",
    [
        ("trainer: {epochs: ten}", "trainer.epochs is 'ten'; input should be a valid integer."),
        ("trainer: {epochs: '10'}", "trainer.epochs is '10'; input should be a valid integer."),
        ("trainer: {epochs: 10.5}", "trainer.epochs is 10.5; input should be a valid integer."),
        ("trainer: {epochs: true}", "trainer.epochs is True; input should be a valid integer."),
        ("trainer: {weights_partial: 'yes'}", "trainer.weights_partial is 'yes'; input should be a valid boolean."),
        ("report: {faces: 1}", "report.faces is 1; input should be a valid boolean."),
        ("evaluator: {max_mae: [8]}", "evaluator.max_mae is [8]; input should be a valid number."),
        ("workdir: 2024", "workdir is 2024; input should be a valid string."),
        ("evaluator: {slice_attributes: gender}", "evaluator.slice_attributes is 'gender'; input should be a valid list."),
    ],
)
def test_wrong_type_is_said_with_key_and_value(file, text, said):
    assert said in complaint(file(text))


@pytest.mark.parametrize(
    "text, said",
    [
        ("trainer: {epochs: 0}", "trainer.epochs is 0; input should be greater than or equal to 1."),
        ("evaluator: {max_mae: -1}", "evaluator.max_mae is -1; input should be greater than 0."),
        ("evaluator: {max_mae: .nan}", "evaluator.max_mae is nan; input should be greater than 0."),
        ("data: {max_reject_fraction: 1.5}", "data.max_reject_fraction is 1.5; input should be less than or equal to 1."),
        ("trainer: {loss: mea}", "trainer.loss is 'mea'; input should be 'mae', 'mse', 'huber', 'label_distribution' or"),
        ("data: {dir: ''}", "data.dir is ''; string should have at least 1 character."),
        ("workdir: gs://bucket/runs", "workdir is gs://bucket/runs; a run on this machine keeps its metadata store"),
        ("serving: {dir: ''}", "serving.dir is ''; string should have at least 1 character."),
        (
            "data: {near_duplicates: maybe}",
            "data.near_duplicates is 'maybe'; input should be 'together', 'together_mirrored' or",
        ),
        ("data: {group_column: ''}", "data.group_column is ''; string should have at least 1 character."),
        ("data: {splits: {train: 1}}", "data.splits.train is 1; input should be less than 1."),
        ("evaluator: {slice_ceilings: {gender: 9}}", "'gender' names no slice; expected 'column=value', such as"),
        (
            "evaluator: {robustness_ceilings: {foggy: 9}}",
            "'foggy' is nothing that is done to photographs; expected one of blurred_m",
        ),
        (
            "evaluator: {robustness: false, robustness_ceilings: {top_covered: 9}}",
            "robustness_ceilings needs robustness, which is",
        ),
        ("evaluator: {slice_ceilings: {gender=female: 0}}", "slice_ceilings.gender=female is 0; input should be greater"),
    ],
)
def test_impossible_value_is_said_with_what_is_allowed(file, text, said):
    assert said in complaint(file(text))


def test_splits_that_do_not_sum_to_1_are_refused_with_their_sum(file):
    message = complaint(file("data: {splits: {train: 0.8, validation: 0.1, test: 0.2}}"))
    assert "data.splits is {'train': 0.8, 'validation': 0.1, 'test': 0.2}; the shares sum to 1.1; expected 1." in message


def test_splits_whose_sum_is_1_but_for_rounding_are_accepted(file):
    splits = configuration.load(file("data: {splits: {train: 0.7, validation: 0.2, test: 0.1}}")).data.splits
    assert configuration.splits_in_order(splits) == {"train": 0.7, "validation": 0.2, "test": 0.1}


@pytest.mark.parametrize("value", ["", "5", "[a]", "text"])
@pytest.mark.parametrize("section", ["trainer", "data", "data.splits"])
def test_section_that_is_no_section_is_said_with_the_keys_it_has(file, section, value):
    outer, _, inner = section.partition(".")
    message = complaint(file(f"{outer}: {{{inner}: {value or 'null'}}}" if inner else f"{outer}: {value}"))
    assert f"{section} is " in message
    assert {"trainer": "epochs", "data": "max_reject_fraction", "data.splits": "validation"}[section] in message
    assert f"Remove {section} to take the defaults." in message


def test_everything_that_is_wrong_is_said_at_once(file):
    path = file("trainer: {epochs: 0, loss: mea}\nfoo: 1\nevaluator: {max_mae: none}\n")
    lines = complaint(path).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(path) for line in lines)
    for key in ("trainer.epochs", "trainer.loss", "foo", "evaluator.max_mae"):
        assert sum(f" {key}" in line for line in lines) == 1


@pytest.mark.parametrize(
    "text", ["trainer: [1\nepochs: 2\n", "trainer:\n\tepochs: 2\n", "a: 1\n---\nb: 2\n", "a: \x01\n", "<<: {a: 1}"]
)
def test_text_that_is_no_yaml_is_said_with_its_place(file, text):
    message = complaint(file(text))
    assert "mine.yaml: not YAML: " in message
    assert re.search(r"line \d|position \d", message)


@pytest.mark.parametrize(
    "text, key, line",
    [
        ("trainer: {epochs: 1}\ndata: {}\ntrainer: {epochs: 2}\n", "trainer", 3),
        ("trainer:\n  epochs: 1\n  epochs: 2\n", "epochs", 3),
    ],
)
def test_key_that_occurs_twice_is_refused_where_it_occurs_again(file, text, key, line):
    assert re.search(f"the key '{key}' occurs twice .*line {line}", complaint(file(text)))


@pytest.mark.parametrize("text, kind", [("- trainer\n", "list"), ("trainer\n", "str"), ("5\n", "int")])
def test_file_that_is_no_mapping_is_refused(file, text, kind):
    assert f"mine.yaml: found {kind}; expected sections such as 'data:' and 'trainer:'." in complaint(file(text))


def test_key_that_is_no_text_is_refused(file):
    assert ": 1 is 1; keys should be strings." in complaint(file("1: x\n"))


def test_yaml_runs_no_python(file, tmp_path):
    path = file(f"workdir: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    assert "not YAML" in complaint(path)
    assert not (tmp_path / "made").exists()


def test_missing_file_is_said_with_where_others_are(tmp_path):
    message = complaint(str(tmp_path / "none.yaml"))
    assert "none.yaml: there is no such configuration file. The ready-made ones are in configs/." in message


def test_directory_for_a_file_is_said(tmp_path):
    assert "can't be read: Is a directory." in complaint(str(tmp_path))


def test_file_that_is_not_utf_8_is_said(file):
    assert "is not UTF-8 text" in complaint(file("workdir: Zoë\n".encode("latin-1")))


def test_override_replaces_the_files_value_and_leaves_its_neighbours(file):
    path = file("trainer: {epochs: 3, loss: mse, augmentation: {rotation: 1, zoom: 0.2}}\n")
    trainer = configuration.load(path, ["trainer.epochs=5", "trainer.augmentation.rotation=2"]).trainer
    assert (trainer.epochs, trainer.loss) == (5, "mse")
    assert (trainer.augmentation.rotation, trainer.augmentation.zoom) == (2, 0.2)


def test_later_override_wins():
    assert loaded("trainer.epochs=5", "trainer.epochs=6").trainer.epochs == 6


def test_override_reaches_into_a_section_that_is_empty_in_the_file(file):
    assert configuration.load(file("data:\n  sample:\n"), ["data.sample.count=70"]).data.sample.count == 70


@pytest.mark.parametrize(
    "assignment, get, value",
    [
        ("trainer.learning_rate=1e-4", lambda c: c.trainer.learning_rate, 1e-4),
        ("trainer.learning_rate=1E-4", lambda c: c.trainer.learning_rate, 1e-4),
        ("trainer.learning_rate=.5e-1", lambda c: c.trainer.learning_rate, 0.05),
        ("evaluator.max_mae=6", lambda c: c.evaluator.max_mae, 6.0),
        ("evaluator.slice_attributes=[gender, ethnicity]", lambda c: c.evaluator.slice_attributes, ["gender", "ethnicity"]),
        ("evaluator.slice_attributes=[]", lambda c: c.evaluator.slice_attributes, []),
        ("evaluator.slice_attributes=null", lambda c: c.evaluator.slice_attributes, None),
        (
            "evaluator.slice_ceilings={gender=female: 1e1, 'age_decade=20-29': 7}",
            lambda c: c.evaluator.slice_ceilings,
            {"gender=female": 10.0, "age_decade=20-29": 7.0},
        ),
        ("report.faces=false", lambda c: c.report.faces, False),
        ("trainer.weights='/weights/1e5'", lambda c: c.trainer.weights, "/weights/1e5"),
        ('data.dir="/a b: #c"', lambda c: c.data.dir, "/a b: #c"),
        ("data.dir=/a=b", lambda c: c.data.dir, "/a=b"),
        (" trainer.epochs = 5", lambda c: c.trainer.epochs, 5),
        ("beam.options.direct_num_workers=2", lambda c: c.beam.options, {"direct_num_workers": 2}),
    ],
)
def test_override_is_read_as_yaml(assignment, get, value):
    found = get(loaded(assignment))
    assert found == value and type(found) is type(value)


def test_number_in_a_file_may_be_written_without_a_point(file):
    assert configuration.load(file("trainer:\n  learning_rate: 1e-4\n")).trainer.learning_rate == 1e-4


def test_quoted_number_is_text(file):
    assert "trainer.learning_rate is '1e-4'; input should be a valid number." in complaint(
        file("trainer: {learning_rate: '1e-4'}")
    )


@pytest.mark.parametrize("assignment", ["trainer.epochs", "=5", "trainer.=5", ".epochs=5", "trainer..epochs=5", ""])
def test_override_without_key_or_value_is_refused_with_an_example(assignment):
    message = complaint(None, assignment)
    assert message == f"--set {assignment}: expected a key and a value, such as --set trainer.epochs=5."


def test_override_whose_value_is_no_yaml_is_refused():
    assert "--set trainer.loss=[: the value is not YAML" in complaint(None, "trainer.loss=[")


def test_override_below_a_value_is_refused():
    message = complaint(None, "trainer.epochs=3", "trainer.epochs.x=3")
    assert message == "--set trainer.epochs.x=3: epochs is 3, which has no keys below it."


def test_override_of_an_unknown_key_is_refused():
    assert "trainer.epoch: there is no such key" in complaint(None, "trainer.epoch=3")


@pytest.mark.parametrize(
    "name",
    ["a: b", "#x", "a #x", "'single", '"double"', "-dash", "- item", "[list]", "{map}", "*star", "&and", "!tag", "%x", "@x",
     "null", "true", "1e5", "12", "a=b", "two  blanks", "x" * 200 + " " + "y" * 100, "back\\slash", "Zoë 贝贝 😀", "new\nline",
     "~tilde", "a.b"],
)  # fmt: skip
def test_data_directory_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert configuration.load(data_dir=name).data.dir == os.path.join(os.getcwd(), name)
    assert configuration.load(data_dir=f"/faces/{name}").data.dir == f"/faces/{name}"


def test_data_directory_and_workdir_given_apart_replace_those_of_the_file_and_the_overrides(file):
    path = file("workdir: /file\ndata: {dir: /file/faces, max_reject_fraction: 0.2}\n")
    found = configuration.load(path, ["data.dir=/set", "workdir=/set"], data_dir="/data", workdir="/work")
    assert (found.data.dir, found.workdir, found.data.max_reject_fraction) == ("/data", "/work", 0.2)


def test_empty_data_directory_is_not_the_current_one():
    assert "data.dir is ''" in complaint(None, data_dir="")


def test_data_directory_beside_a_file_whose_data_are_no_section_is_said(file):
    assert "--data faces: data is 3, which has no keys below it." in complaint(file("data: 3"), data_dir="faces")


def test_local_paths_become_absolute_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    found = loaded("data.dir=faces", "workdir=~/runs", "serving.dir=gs://bucket/serving", "trainer.weights=w.h5")
    here = os.getcwd()
    assert found.data.dir == f"{here}/faces"
    assert found.workdir == "/home/someone/runs"
    assert found.serving_dir == "gs://bucket/serving"
    assert found.trainer.weights == f"{here}/w.h5"


@pytest.mark.parametrize("weights", ["imagenet", "none"])
def test_words_for_weights_are_no_paths(weights):
    assert loaded(f"trainer.weights={weights}").trainer.weights == weights


def test_beam_options_become_its_command_line():
    arguments = loaded("beam.options={direct_num_workers: 2}").beam_args()
    assert arguments[0] == "--runner=DirectRunner"
    assert "--direct_num_workers=2" in arguments and "--direct_num_workers=1" not in arguments


def test_aligning_without_a_face_detector_is_refused():
    with pytest.raises(BadInput, match="align needs face_detector"):
        configuration.load(None, ["data.align=true"])


def test_an_unknown_key_in_a_search_space_is_one_sentence_with_the_keys_that_there_are():
    said = complaint(None, "tuner.space={trainer.lerning_rate: [0.001]}")

    assert said.count("\n") == 0
    assert said.startswith(
        "the configuration: tuner.space is {'trainer.lerning_rate': [0.001]}; trainer.lerning_rate: there is no"
    )
    assert "trainer.learning_rate" in said
    assert "expected keys below it" in complaint(None, "tuner=true")


def test_without_a_search_the_configuration_says_nothing_of_it():
    assert "tuner" not in loaded().described()
    searching = loaded("tuner.space={trainer.dropout: [0.2, 0.4]}", "tuner.max_minutes=30")
    assert searching.described()["tuner"]["space"] == {"trainer.dropout": [0.2, 0.4]}
    assert searching.tuner.max_minutes == 30


@pytest.fixture
def best(tmp_path):
    """What a search left."""
    path = tmp_path / "best_hyperparameters.txt"
    path.write_text('{"space": [], "values": {"trainer.learning_rate": 0.02, "trainer.augmentation.zoom": 0.3}}')
    return path


def test_best_hyperparameters_take_the_place_of_the_files_and_set_has_the_last_word(file, best):
    configured = file("trainer: {learning_rate: 0.5, epochs: 3}\n")

    taken = configuration.load(configured, [f"trainer.hyperparameters={best}"]).trainer
    assert (taken.learning_rate, taken.augmentation.zoom, taken.epochs) == (0.02, 0.3, 3)
    assert "hyperparameters" not in taken.model_dump(), "what a model depends on are the values"
    overridden = configuration.load(configured, [f"trainer.hyperparameters={best}", "trainer.learning_rate=0.7"]).trainer
    assert (overridden.learning_rate, overridden.augmentation.zoom) == (0.7, 0.3)


def test_hyperparameters_that_are_none_are_said_in_a_sentence(best):
    missing = complaint(None, f"trainer.hyperparameters={best}.old")
    assert "trainer.hyperparameters" in missing and "can't be read: No such file" in missing
    best.write_text('{"values": {"trainer.dropuot": 0.1}}')
    assert "trainer.dropuot: there is no such key" in complaint(None, f"trainer.hyperparameters={best}")
    best.write_text("no json")
    assert "no hyperparameters of a search of this pipeline" in complaint(None, f"trainer.hyperparameters={best}")


def test_a_search_of_a_training_in_stages_is_refused():
    said = complaint(None, "trainer.stages=[{epochs: 2}, {epochs: 3}]", "tuner.space={trainer.dropout: [0.2, 0.4]}")

    assert "a search tries trainings of a single stage, and trainer.stages has several; leave out either of them" in said


def test_stages_are_written_as_a_list_of_what_each_does_otherwise():
    stages = loaded("trainer.stages=[{freeze_through: all, epochs: 3}, {epochs: 5, learning_rate: 1e-4}]").trainer.in_stages()

    assert [(each.freeze_through, each.epochs, each.learning_rate) for each in stages] == [
        ("all", 3, 0.001),
        ("auto", 5, 0.0001),
    ]
