"""The router: the list of pages, the task they are about, and a sentence where something can't be read."""

from pathlib import Path

import streamlit as st

from dashboard import frame, wording
from perennial.errors import PerennialError

PAGES = (
    ("views/classes.py", "Classes", ":material/stacked_bar_chart:"),
    ("views/predict.py", "Predict", ":material/image_search:"),
)

st.set_page_config("Perennial", Path(__file__).with_name("icon.svg"), layout="wide")  # Material's would come from Google
page = st.navigation({"Perennial": [st.Page(path, title=title, icon=icon) for path, title, icon in PAGES]})
try:
    if frame.choose_task():
        page.run()
    else:
        frame.say_empty()
except PerennialError as error:
    st.error(wording.sentence(error), icon=":material/error:")
