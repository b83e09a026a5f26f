"""The responses in the tests of h11 0.16 (MIT licence), put down as bytes; and a few more."""

OK = b"HTTP/1.1 200 OK\r\n"
OLD = b"HTTP/1.0 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"

TO_GET = {
    # Heads, of its test_io.
    "connection-close": OK + b"Connection: close\r\n\r\n",
    "no-headers": OK + b"\r\n",
    "upgraded": b"HTTP/1.1 101 Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "upgraded-to-nothing": b"HTTP/1.1 101 Upgrade\r\n\r\n",
    "old-with-header": OLD + b"Some: header\r\n\r\n",
    "single-letters": OLD + b"Foo: a a a a a \r\n\r\n",
    "empty-value": OLD + b"Foo:\r\n\r\n",
    "blank-value": OLD + b"Foo: \t \t \r\n\r\n",
    "no-reason": b"HTTP/1.0 200\r\nFoo: bar\r\n\r\n",
    "lf-crlf-at-the-end": OK + b"SomeHeader: val\n\r\n",
    "lf-everywhere": b"HTTP/1.1 200 OK\nSomeHeader1: val1\nSomeHeader2: val2\n\n",
    "lf-here-and-there": OK + b"SomeHeader1: val1\nSomeHeader2: val2\n\r\n",
    "folded-lines": OK + b"Some: multi-line\r\n header\r\n\tnonsense\r\n    \t   \t\tI guess\r\n"
    b"Connection: close\r\nMore-nonsense: in the\r\n    last header  \r\n\r\n",
    "folded-first": OK + b"  folded: line\r\n\r\n",
    "blanks-before-colon": OK + b"foo  : line\r\n\r\n",
    "tab-before-colon": OK + b"foo\t: line\r\n\r\n",
    "no-name": OK + b": line\r\n\r\n",
    "nul-in-reason": b"HTTP/1.0 200 OK\x00xxxx\r\n\r\n",
    "nul-in-value": OK + b"Host: foo\x00bar\r\n\r\n",
    "control-in-cookie": OK
    + b"Set-Cookie: ___utmvafIumyLc=kUd\x01UpAt; path=/; Max-Age=900\r\n\r\n",
    # Bodies, of its test_io.
    "length-0": OK + b"Content-Length: 0\r\n\r\n",
    "length-10": OK + b"Content-Length: 10\r\n\r\n0123456789",
    "until-closed-empty": OLD + b"\r\n",
    "until-closed": OLD + b"\r\nasdf",
    "chunks-none": CHUNKED + LAST,
    "chunks-trailer": CHUNKED + b"0\r\nSome: header\r\n\r\n",
    "chunks-and-trailer": CHUNKED
    + b"5\r\n01234\r\n10\r\n0123456789abcdef\r\n0\r\nSome: header\r\n\r\n",
    "chunks": CHUNKED + b"5\r\n01234\r\n10\r\n0123456789abcdef\r\n" + LAST,
    "chunk-hex": CHUNKED + b"aA\r\n" + b"x" * 0xAA + b"\r\n" + LAST,
    "chunk-size-too-long": CHUNKED + b"9" * 100 + b"\r\nxxx",
    "chunk-size-nul": CHUNKED + b"10\x00\r\nxxx",
    "chunk-extensions": CHUNKED
    + b'5; hello=there\r\nxxxxx\r\n0; random="junk"; some=more; canbe=lonnnnngg\r\n\r\n',
    "chunk-size-blanks": CHUNKED + b"5   \t \r\n01234\r\n" + LAST,
    "chunk-end-wrong": CHUNKED + b"3\r\nxxx__1a\r\n",
    "chunk-end-cr": CHUNKED + b"3\r\nxxx\r_1a\r\n",
    "chunk-end-lf": CHUNKED + b"3\r\nxxx_\n1a\r\n",
    # Of its test_headers.
    "name-begins-blank": OK + b"a: b\r\n foo: bar\r\n\r\n",
    "name-with-blank": OK + b"foo bar: baz\r\n\r\n",
    "name-with-nul": OK + b"foo\x00bar: baz\r\n\r\n",
    "name-not-ascii": OK + b"foo\xffbar: baz\r\n\r\n",
    "name-with-control": OK + b"foo\x01bar: baz\r\n\r\n",
    "value-with-cr": OK + b"foo: bar\rbaz\r\n\r\n",
    "value-with-lf": OK + b"foo: bar\nbaz\r\n\r\n",
    "value-with-tabs": OK + b"foo: \tbarbaz\t\r\n\r\n",
    "length-letters": OK + b"Content-Length: asdf\r\n\r\n",
    "length-1x": OK + b"Content-Length: 1x\r\n\r\n",
    "lengths-1-2": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "lengths-0-0": OK + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "length-list-0-0": OK + b"Content-Length: 0 , 0\r\n\r\n",
    "lengths-1-1-2": OK + b"Content-Length: 1\r\n" * 2 + b"Content-Length: 2\r\n\r\nx",
    "length-list-1-1-2": OK + b"Content-Length: 1 , 1,2\r\n\r\nx",
    "length-too-long": OK + b"Content-Length: " + b"1" * 21 + b"\r\n\r\n",
    "coding-cHuNkEd": OK + b"Transfer-Encoding: cHuNkEd\r\n\r\n" + LAST,
    "coding-gzip": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "coding-twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
    # Of its test_connection.
    "interim": b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\nContent-Length: 11\r\n\r\nhello world",
    "interim-in-vain": b"HTTP/1.1 100 \r\n\r\n",
    "old-until-closed": OLD + b"\r\n1234567890",
    "closing-204": b"HTTP/1.1 204 \r\nConnection: close\r\n\r\n",
    "chunked-404": b"HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "big-header": OLD + b"Big: " + b"a" * 4000 + b"\r\n\r\n",
    "gibberish": b"gibberish\r\n\r\n",
    "nothing": b"",
    "body-breaks-off": OK + b"Content-Length: 100\r\n\r\n12345",
    "body-breaks-off-chunked": CHUNKED + b"8\r\n12345",
    "body-of-304": b"HTTP/1.1 304 \r\nTransfer-Encoding: chunked\r\n\r\n",
    "pipelined": OK + b"Content-Length: 5\r\n\r\n12345" + OK + b"Content-Length: 5\r\n\r\n67890",
    "surplus": OK + b"Content-Length: 0\r\n\r\nSADF",
    "surplus-when-closing": OK + b"Connection: close\r\nContent-Length: 0\r\n\r\nSADF",
    "tls-hello": b"\x16\x03\x01\x00\xa5",
    "tls-hello-with-line-end": b"\x16\x03\x01\x00\xa5\r\n\r\n",
}

TO_HEAD = {
    "head-no-length": OK + b"\r\n",
    "head-length": OK + b"Content-Length: 10\r\n\r\n",
    "head-chunked": CHUNKED,
    "head-old": OLD + b"\r\n",
    "head-close": OK + b"Connection: close\r\n\r\n",
    "head-surplus": OK + b"Content-Length: 2\r\n\r\nhi",
}

# Not of h11: what neither it nor our own tables show.
MORE = {
    "lf-for-the-empty-line": OK + b"Content-Length: 2\r\n\nhi",
    "extension-with-control": CHUNKED + b"2;a\x01\r\nhi\r\n" + LAST,
    "extension-empty": CHUNKED + b"2;\r\nhi\r\n" + LAST,
    "coding-before-blank": OK + b"Transfer-Encoding: chunked \r\n\r\n2\r\nhi\r\n" + LAST,
    "coding-before-tab": OK + b"Transfer-Encoding: chunked\t\r\n\r\n2\r\nhi\r\n" + LAST,
    "coding-chunked-twice": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\nhi\r\n" + LAST,
    "coding-chunked-list": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + LAST,
    "coding-gzip-chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n" + LAST,
    "length-before-tab": OK + b"Content-Length: 2\t\r\n\r\nhi",
    "length-lines-in-body": OK + b"Content-Length: 10\r\n\r\n\r\n\r\nHTTP/1",
    "surplus-byte": OK + b"Content-Length: 2\r\n\r\nhiH",
    "surplus-of-204": b"HTTP/1.1 204 None\r\n\r\nx",
    "interim-twice": b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * 2
    + OK
    + b"Content-Length: 0\r\n\r\n",
    "connection-listed": OK + b"Connection: a , CLOSE\r\nContent-Length: 0\r\n\r\n",
    "connection-closed": OK + b"Connection: closed\r\nContent-Length: 0\r\n\r\n",
    "connection-close-and-kept": OK + b"Connection: close, keep-alive\r\nContent-Length: 0\r\n\r\n",
    "connection-kept-then-close": OK
    + b"Connection: keep-alive\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
}
