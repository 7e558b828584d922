"""The next value's forecast after each value, in constant memory."""


class Stream: ...
