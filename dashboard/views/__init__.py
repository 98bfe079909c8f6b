"""Views: a file a page, which Streamlit runs as a script.

In: the selection, what it names, and the reader's clicks. Out: the page. Nobody imports one.
May use every other room of the dashboard, but not the sidebar."""

__all__ = ()
