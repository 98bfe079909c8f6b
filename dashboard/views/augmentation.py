import streamlit as st

st.title("augmentation")
