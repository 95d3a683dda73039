#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""A TCP connection that has to outlive what is done to the ports.

tcp.py serve ADDRESS PORT         sends back what comes
tcp.py hold ADDRESS PORT FILE     sends a numbered line every 50 ms and wants it back; the
                                  number of the last is in FILE. Ends with 1 if the connection does.
"""
import os
import socket
import sys
import time

word, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if word == 'serve':
    listener = socket.create_server((address, port))
    connection, _ = listener.accept()
    while data := connection.recv(4096):
        connection.sendall(data)
else:
    connection = socket.create_connection((address, port), timeout=10)
    connection.settimeout(60)
    lines = connection.makefile('r')
    number = 0
    while True:
        number += 1
        connection.sendall(f'{number}\n'.encode())
        if lines.readline() != f'{number}\n':
            sys.exit(f'the connection ended after line {number - 1}')
        with open(sys.argv[4] + '.new', 'w') as file:
            file.write(str(number))
        os.rename(sys.argv[4] + '.new', sys.argv[4])
        time.sleep(0.05)
