"""What every page has: the task it is about, and what is read for it, kept for a while."""

import sys

import streamlit as st

from dashboard import comparison, data
from perennial.errors import TaskError
from perennial.settings import Settings
from perennial.task import load_task

CACHE_TTL_S = 30
TASK = "frame_task"


def choose_task() -> str | None:
    """Draw the choice of the task in the side bar and return it; None where the catalog has none."""
    known = tasks(Settings.load())
    if not known:
        return None
    if st.session_state.get(TASK) not in known:
        st.session_state[TASK] = next((name for name in sys.argv[1:] if name in known), known[0])
    with st.sidebar:
        st.selectbox("Task", known, key=TASK, help="Tasks that have labelled images in the catalog.")
    return chosen_task()


def chosen_task() -> str:
    """Return the task that the page is about."""
    return str(st.session_state[TASK])


def say_empty() -> None:
    """Say what to do where nothing was ever labelled."""
    st.title("Nothing here yet")
    st.markdown(
        "The catalog has no labelled images. See the whole loop on the bundled site with\n\n"
        "```\nperennial demo\n```\n\nor learn from your own pictures, in a folder with a subfolder for each class:\n\n"
        "```\nperennial init NAME --from-folder DIR\nperennial run NAME\n```\n\nThen reload this page."
    )
    st.caption(f"Catalog: {Settings.load().store_url}")


def description(task: str) -> str:
    """Return the sentence that the task's file gives; none where the file isn't at hand."""
    try:
        return load_task(task, Settings.load().tasks).description
    except TaskError:
        return ""


def tasks(settings: Settings) -> list[str]:
    """Return the tasks with labels."""
    return _tasks(settings.store_url)


def overview(settings: Settings, task: str) -> data.Overview:
    """Return the task's labelled images in numbers, and its batches that aren't learnt."""
    return _overview(settings.store_url, task)


def compared(settings: Settings, task: str) -> comparison.Comparison | None:
    """Return the first model beside the champion; None before the first promotion."""
    return _compared(settings.store_url, settings.mlflow_uri, task)


def recent_runs(settings: Settings, task: str) -> list[data.RunRow]:
    """Return the task's last runs, newest first."""
    return _runs(settings.mlflow_uri, task)


def examples(settings: Settings, task: str) -> list[data.Example]:
    """Return images that no model has learnt, newest first."""
    return _examples(settings.store_url, task)


def pixels(settings: Settings, image: str) -> bytes:
    """Return an image's JPEG."""
    return data.open_catalog(settings.store_url).pixels(image)


def thumbnail(settings: Settings, image: str) -> bytes | None:
    """Return the middle of an image as a small square JPEG; None where the catalog hasn't got it any more."""
    return _thumbnail(settings.store_url, image)


@st.cache_data(ttl=CACHE_TTL_S, show_spinner=False)
def _thumbnail(store_url: str, image: str) -> bytes | None:
    return data.thumbnail(data.open_catalog(store_url), image)


@st.cache_data(ttl=CACHE_TTL_S, show_spinner="Reading the catalog …")
def _tasks(store_url: str) -> list[str]:
    return data.tasks(data.open_catalog(store_url))


@st.cache_data(ttl=CACHE_TTL_S, show_spinner="Reading the catalog …")
def _overview(store_url: str, task: str) -> data.Overview:
    return data.overview(data.open_catalog(store_url), task)


@st.cache_data(ttl=CACHE_TTL_S, show_spinner="Comparing the models …")
def _compared(store_url: str, mlflow_uri: str, task: str) -> comparison.Comparison | None:
    return comparison.compare(data.open_catalog(store_url), data.open_registry(mlflow_uri), task)


@st.cache_data(ttl=CACHE_TTL_S, show_spinner="Reading the runs …")
def _runs(mlflow_uri: str, task: str) -> list[data.RunRow]:
    return data.recent_runs(data.open_registry(mlflow_uri), task)


@st.cache_data(ttl=CACHE_TTL_S, show_spinner="Reading the catalog …")
def _examples(store_url: str, task: str) -> list[data.Example]:
    return data.examples(data.open_catalog(store_url), task)
