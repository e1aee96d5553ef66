"""What asks an endpoint: it comes again when a busy one says so."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from perennial.errors import EndpointError
from perennial.processes import free_port
from perennial.serving.client import predict
from tests.serving.inside import Inside, inside
from tests.small_world import picture, template, waited

RED = picture("red", 1)


@contextmanager
def listening(served: Inside) -> Iterator[str]:
    """Let the application listen on loopback."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(served.app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        waited(lambda: server.started, bool)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def test_a_busy_endpoint_is_asked_again_until_the_time_is_over(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    world = template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    with inside(world, queue=1) as served, listening(served) as url, ThreadPoolExecutor(2) as pool:
        served.gate.open.clear()
        first = pool.submit(predict, url, "colours", RED)
        waited(lambda: served.answers.computing.waiting, lambda waiting: waiting == 1)
        with pytest.raises(EndpointError, match="1 images wait already"):
            predict(url, "colours", RED, timeout_s=0.5)
        second = pool.submit(predict, url, "colours", RED)
        time.sleep(0.5)
        assert not second.done()
        served.gate.open.set()
        assert (first.result(20)["class"], second.result(20)["class"]) == ("red", "red")
