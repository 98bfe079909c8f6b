import streamlit as st

st.title("try_it")
