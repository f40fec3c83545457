/**
 * What kinds of file systems matter to a database: those in memory, and those that several hosts can be at. A list by the number that
 * the kernel gives each; asks nothing itself.
 *
 * Source: statfs(2); https://sqlite.org/wal.html (all processes of one database must be on one host).
 */
export interface FileSystemKind {
  readonly name: string;
  readonly kind: "memory" | "network";
}

const kinds: ReadonlyMap<number, FileSystemKind> = new Map([
  [0x01021994, { name: "tmpfs", kind: "memory" }],
  [0x858458f6, { name: "ramfs", kind: "memory" }],
  [0x6969, { name: "nfs", kind: "network" }],
  [0xff534d42, { name: "cifs", kind: "network" }],
  [0xfe534d42, { name: "smb2", kind: "network" }],
  [0x00c36400, { name: "ceph", kind: "network" }],
  [0x0bd00bd0, { name: "lustre", kind: "network" }],
  [0x65735546, { name: "fuse", kind: "network" }],
  [0x01021997, { name: "9p", kind: "network" }],
]);

/** @param type `f_type` of statfs(2); undefined for every other, such as those of local disks */
export function fileSystemKind(type: number): FileSystemKind | undefined {
  return kinds.get(type >>> 0);
}
