"""Listens on a unix datagram socket as a service manager does, and prints each datagram as one line of JSON."""
import json, os, socket, sys

place = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
listener.bind("\0" + place[1:] if place.startswith("@") else place)
print("listening", flush=True)
while True:
    data, ancillary, _, _ = listener.recvmsg(65536, 4096)
    pid = int.from_bytes(ancillary[0][2][:4], sys.byteorder) if ancillary else 0
    print(json.dumps({"pid": pid, "lines": data.decode().split("\n")}), flush=True)
