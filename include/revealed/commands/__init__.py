"""The commands of `revealed`, one module a group. Each is a thin reader of words around one function of the package."""
