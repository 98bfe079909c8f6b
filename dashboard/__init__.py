"""The Streamlit app over the folders that segcore writes. It measures nothing itself."""
