import streamlit as st

st.title("confusion")
