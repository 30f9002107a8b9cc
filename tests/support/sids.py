"""Identifiers of calls that nobody ever made."""


def call_sid(number: int) -> str:
    return f"CA{number:032x}"


def account_sid(number: int) -> str:
    return f"AC{number:032x}"


def stream_sid(number: int) -> str:
    return f"MZ{number:032x}"
