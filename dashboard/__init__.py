"""The dashboard: a router, one file a page in views/, and data functions that know nothing of Streamlit."""
