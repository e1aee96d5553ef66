"""Predict: a picture, and what the running endpoint says of it."""

import streamlit as st

from dashboard import charts, endpoint, frame, wording
from dashboard.data import Example
from perennial.errors import EndpointError, ImageRejected
from perennial.settings import Settings
from perennial.sources.images import MAX_BYTES, normalise

SHOWN, NUMBER = "predict_shown", "predict_number"
MIB, ACROSS = 2**20, 3


def render() -> None:
    """Draw the page."""
    settings, task = Settings.load(), frame.chosen_task()
    st.title("Predict")
    st.caption(f"Drop a picture, and the endpoint of {task} says what it shows.")
    examples = frame.examples(settings, task)
    left, right = st.columns([2, 3], gap="large")
    with left:
        file = st.file_uploader(
            "A picture: JPEG, PNG or WebP",
            key="predict_file",
            on_change=_show,
            args=("file",),
            max_upload_size=MAX_BYTES // MIB,
        )
        st.button(
            "Take an example",
            key="predict_example",
            icon=":material/shuffle:",
            on_click=_next,
            disabled=not examples,
            help="A held-out image: no model has learnt it.",
        )
    example = _example(examples)
    data = frame.pixels(settings, example.image) if example else file.getvalue() if file else None
    if data is None:
        return
    try:
        left.image(normalise(data).jpeg, caption=_caption(example), width="stretch")
        answer = endpoint.ask(settings, task, data)
        with right:
            _answer(answer, example)
        _why(settings, answer)
    except ImageRejected as error:
        right.error(wording.sentence(error), icon=":material/broken_image:")
    except EndpointError as error:
        right.warning(wording.sentence(error), icon=":material/power_off:")


def _answer(answer: endpoint.Answer, example: Example | None) -> None:
    """Show what the endpoint says, how sure it is, and who says so."""
    st.subheader(wording.plain(answer.cls), anchor=False)
    likeliest = max(entry.value for entry in answer.probabilities)
    st.markdown(f"Probability **{charts.percent(likeliest)}**, by version {answer.model_version} of the model.")
    if example:
        agrees = "agrees" if example.cls == answer.cls else "differs"
        st.markdown(f"The image's label is **{wording.plain(example.cls)}**: the answer {agrees}.")
    if answer.unfamiliar:
        st.warning(
            "**Unfamiliar.** This picture is unlike anything that the model has learnt; don't rely on the answer.",
            icon=":material/question_mark:",
        )
    st.altair_chart(charts.probabilities(answer.probabilities), alt="Probability of each class")
    st.caption(wording.rest(answer))


def _why(settings: Settings, answer: endpoint.Answer) -> None:
    """Show which parts of the picture spoke for the class, and the training images nearest to it."""
    if not answer.overlay and not answer.neighbours:
        return
    st.subheader("Why", anchor=False)
    left, right = st.columns([2, 3], gap="large")
    if answer.overlay:
        left.markdown(f"**What spoke for {wording.plain(answer.cls)}**")
        left.image(answer.overlay, width="stretch")
        left.caption("In colour, and most of all inside the line. It is the part of the picture that the network sees.")
    with right if answer.overlay else st.container():
        if answer.neighbours:
            _neighbours(settings, answer.neighbours)


def _neighbours(settings: Settings, neighbours: tuple[endpoint.Neighbour, ...]) -> None:
    st.markdown("**Nearest training images**")
    for start in range(0, len(neighbours), ACROSS):
        for place, near in zip(st.columns(ACROSS), neighbours[start : start + ACROSS], strict=False):
            picture = frame.thumbnail(settings, near.image)
            if picture:
                place.image(picture, width="stretch")
            place.markdown(f"**{wording.plain(near.cls)}**")
            place.caption(wording.neighbour(near))
    st.caption(
        f"Among up to 2,000 that the release carries, by the angle between the vectors: "
        f"{wording.likeness(neighbours)}, where 0 is nothing in common and 1 the same picture."
    )


def _show(what: str) -> None:
    st.session_state[SHOWN] = what


def _next() -> None:
    st.session_state[NUMBER] = st.session_state.get(NUMBER, -1) + 1
    _show("example")


def _example(examples: list[Example]) -> Example | None:
    """Return the example that was asked for last; None where a file came after it."""
    if st.session_state.get(SHOWN) != "example" or not examples:
        return None
    return examples[int(st.session_state[NUMBER]) % len(examples)]


def _caption(example: Example | None) -> str | None:
    return wording.example(example) if example else None


render()
