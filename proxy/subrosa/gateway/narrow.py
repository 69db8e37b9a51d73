"""Say of a value what must hold of it here; where it does not, the guard above closes the connection."""


def known[T](value: T | None) -> T:
    """The value, which is there.

    Raises:
        TypeError: it is not.
    """
    if value is None:
        raise TypeError("a value is missing that must be there")
    return value


def of_type[T](kind: type[T], value: object) -> T:
    """The value as what it is.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} must be")
    return value
