"""What a request gets, and who is told of it: several tasks, shedding, deadlines, journal, metrics, logs and spans."""

import base64
import hashlib
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perennial.serving.logs import set_up
from perennial.serving.tracing import Tracing, tracing
from tests.serving.inside import Inside, inside
from tests.small_world import World, picture, template

RED = picture("red", 1)
Open = Callable[..., Any]


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def jpeg(task: str | None = "colours", **headers: str) -> tuple[str, str, dict[str, Any]]:
    path = f"/v1/models/{task}:predict" if task else "/v1/endpoint:predict"
    return "POST", path, {"content": RED, "headers": {"content-type": "image/jpeg", **headers}}


def figure(served: Inside, line: str) -> float:
    """Return the value of a line of the metrics; 0 where it isn't there."""
    text = served.ask(("GET", "/metrics", {}))[0].text
    return sum(float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line))


@contextmanager
def logged(*, requests: bool) -> Iterator[io.StringIO]:
    """Collect what the server says on standard error."""
    set_up(log_requests=requests)
    logger = logging.getLogger("perennial")
    (handler,) = logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(said := io.StringIO())
    try:
        yield said
    finally:
        logger.handlers.clear()
        logger.propagate = True


def test_all_tasks_are_answered_with_one_pass_as_each_alone(world: World) -> None:
    with inside(world) as served:
        instances = {"instances": [{"image": {"b64": base64.b64encode(data).decode()}} for data in (RED, picture("blue", 2))]}
        (both,) = served.ask(("POST", "/v1/endpoint:predict", {"json": instances}))
        assert served.gate.sizes == [1, 1]
        alone = served.ask(jpeg("colours"), jpeg("tones"))
    assert both.headers["x-perennial-release"] == served.release
    first, second = both.json()["predictions"]
    assert (first["colours"]["class"], second["colours"]["class"]) == ("red", "blue")
    assert [first[task]["model_version"] for task in ("colours", "tones")] == [1, 7]
    for task, response in zip(("colours", "tones"), alone, strict=True):
        expected = response.json()["predictions"][0]
        assert first[task]["probability"] == pytest.approx(expected["probability"], abs=1e-12)
        assert first[task]["prediction_id"] != expected["prediction_id"]


def test_a_version_is_asked_for_and_an_unknown_one_is_told(world: World) -> None:
    body = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(RED).decode()]}]}
    with inside(world) as served:
        known, unknown = served.ask(
            ("POST", "/v2/models/tones/versions/7/infer", {"json": body}),
            ("POST", "/v2/models/tones/versions/8/infer", {"json": body}),
        )
        assert known.json()["model_version"] == "7"
        assert unknown.status_code == 404
        assert unknown.json()["error"] == "The endpoint 'colours' has no version '8' of 'tones' ready. Ready: 7."


def test_under_too_much_load_requests_are_refused_with_when_to_come_again(world: World) -> None:
    with inside(world, queue=2) as served:
        served.gate.open.clear()
        timer = threading.Timer(0.5, served.gate.open.set)
        timer.start()
        responses = served.ask(*[jpeg() for _ in range(5)])
        timer.join()
        codes = sorted(response.status_code for response in responses)
        assert codes == [200, 200, 503, 503, 503]
        refused = next(response for response in responses if response.status_code == 503)
        assert "wait already" in refused.json()["error"]
        assert int(refused.headers["retry-after"]) >= 1
        assert served.ask(jpeg())[0].status_code == 200
        assert figure(served, "perennial_errors_total{") == 0
        assert served.answers.endpoint.report()["releases"][served.release]["errors"] == 0


def test_a_request_whose_time_is_over_is_given_up_uncomputed(world: World) -> None:
    with inside(world) as served:
        served.gate.open.clear()
        late, wrong = served.ask(jpeg(**{"x-perennial-timeout": "0.2"}), jpeg(**{"x-perennial-timeout": "nan"}))
        assert late.status_code == 504
        assert "wasn't answered within 0.2 s" in late.json()["error"]
        assert wrong.status_code == 400
        assert "x-perennial-timeout" in wrong.json()["error"]
        others = served.ask(*[jpeg(**{"x-perennial-timeout": "0.2"}) for _ in range(3)])
        assert [response.status_code for response in others] == [504] * 3
        served.gate.open.set()
        assert served.ask(jpeg())[0].status_code == 200
        assert served.answers.endpoint.report()["releases"][served.release]["errors"] == 0
    assert served.gate.sizes == [1, 1]  # the one that had begun, and the last


def test_what_the_server_fails_on_is_a_sentence_with_the_requests_id(world: World) -> None:
    with inside(world) as served, logged(requests=False) as said:
        served.gate.fails = True
        (failed,) = served.ask(jpeg(**{"x-request-id": "abc-1"}))
        assert failed.status_code == 500
        assert "under the id abc-1" in failed.json()["error"]
        assert failed.headers["x-request-id"] == "abc-1"
        assert "the engine broke" in said.getvalue()
        assert figure(served, 'perennial_errors_total{release="') == 1
        assert served.answers.endpoint.report()["releases"][served.release]["errors"] == 1


@pytest.mark.parametrize("keep", [True, False])
def test_the_journal_is_told_of_each_image_and_task(world: World, keep: bool) -> None:
    with inside(world, keep_pictures=keep) as served:
        (answered,) = served.ask(jpeg(None, **{"x-request-id": "r-1"}))
    answers = answered.json()["predictions"][0]
    assert [(record["task"], picture) for record, picture in served.notebook.notes] == [
        ("colours", RED if keep else None),
        ("tones", None),
    ]
    for record, _ in served.notebook.notes:
        answer = answers[record["task"]]
        assert record["image"] == hashlib.sha256(RED).hexdigest()
        assert (record["request_id"], record["endpoint"], record["cls"]) == ("r-1", "colours", answer["class"])
        assert record["top"] == [[entry["class"], entry["probability"]] for entry in answer["top"]]
        for key in ("prediction_id", "release", "model_version", "backbone", "probability", "unfamiliar"):
            assert record[key] == answer[key]


def test_what_is_not_to_be_noted_is_answered_and_not_noted(world: World) -> None:
    explained = ("POST", "/v1/models/colours:explain", {"content": RED, "headers": {"x-perennial-journal": "off"}})
    with inside(world) as served:
        answers = served.ask(jpeg(**{"x-perennial-journal": "off"}), explained)
        assert [answer.json()["predictions"][0]["class"] for answer in answers] == ["red", "red"]
        assert served.notebook.notes == []
        served.ask(jpeg(**{"x-perennial-journal": "on"}))
        assert len(served.notebook.notes) == 1


def test_figures_are_by_task_version_and_code_and_never_by_what_clients_say(world: World) -> None:
    with inside(world) as served:
        served.ask(
            jpeg(), jpeg(), jpeg("tones"), jpeg(None), jpeg("made-up-1"), jpeg("made-up-2"), jpeg(**{"x-perennial-release": "no"})
        )
        served.ask(("POST", "/v1/models/colours:predict", {"content": b"no image"}))
        text = served.ask(("GET", "/metrics", {}))[0].text
        short = served.release[:12]
        expected = {
            f'perennial_requests_total{{code="200",release="{short}",task="colours",version="1"}}': 2,
            f'perennial_requests_total{{code="200",release="{short}",task="*",version=""}}': 1,
            f'perennial_requests_total{{code="400",release="{short}",task="colours",version="1"}}': 1,
            'perennial_requests_total{code="404",release="",task="colours",version=""}': 1,
            'perennial_requests_total{code="404",release="",task="unknown",version=""}': 2,
            f'perennial_images_total{{release="{short}",task="colours",version="1"}}': 3,
            f'perennial_images_total{{release="{short}",task="tones",version="7"}}': 2,
            f'perennial_decode_seconds_count{{release="{short}",task="tones",version="7"}}': 2,
            f'perennial_infer_seconds_count{{release="{short}",task="colours",version="1"}}': 3,
        }
        assert {line: figure(served, line) for line in expected} == expected
        assert "made-up" not in text
        assert figure(served, "perennial_batch_images_sum") == 4
        served.answers.metrics.keep([served.release])
        served.answers.metrics.keep([])
        assert short not in served.ask(("GET", "/metrics", {}))[0].text


def test_a_line_a_request_is_logged_where_it_is_asked_for(world: World) -> None:
    with inside(world) as served:
        with logged(requests=True) as said:
            answered, unnamed = served.ask(jpeg(**{"x-request-id": "mine"}), jpeg(**{"x-request-id": "x" * 200}))
        assert answered.headers["x-request-id"] == "mine"
        made = unnamed.headers["x-request-id"]
        assert 8 <= len(made) <= 32
        lines = {line["request_id"]: line for line in map(json.loads, said.getvalue().splitlines())}
        assert lines.keys() == {"mine", made}
        line = lines["mine"]
        assert (line["task"], line["code"], line["images"], line["release"]) == ("colours", "200", 1, served.release)
        assert line["ms"] > 0
        with logged(requests=False) as said:
            served.ask(jpeg())
        assert said.getvalue() == ""


def test_spans_tell_of_request_decoding_and_inference(world: World) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    collector = InMemorySpanExporter()
    traced = tracing("colours", SimpleSpanProcessor(collector))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with inside(world, tracing=traced) as served:
        served.ask(jpeg(traceparent=parent))
        traced.close()
    spans = {span.name: span for span in collector.get_finished_spans()}
    assert spans.keys() == {"POST /v1/models/colours:predict", "decode", "infer"}
    request = spans["POST /v1/models/colours:predict"]
    assert f"{request.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    for part in ("decode", "infer"):
        assert spans[part].parent is not None
        assert spans[part].parent.span_id == request.context.span_id
        assert request.start_time <= spans[part].start_time <= spans[part].end_time <= request.end_time
    assert dict(request.attributes or {})["http.response.status_code"] == 200


def test_no_spans_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert type(tracing("colours")) is Tracing
