/**
 * What the kernel offers to confine what is started: Landlock for files, seccomp for calls. Without them a command still runs where the
 * operator's policy lets it, less confined.
 *
 * Source: landlock(7), seccomp(2).
 */
import { landlockAbi, landlockAbiOfTcp } from "../../system/landlock.ts";
import { offersSeccompFilters } from "../../system/seccomp.ts";
import { type Finding, ok, warn } from "./finding.ts";

const check = "kernel";

export function kernelFindings(): readonly Finding[] {
  const abi = landlockAbi();
  const findings: Finding[] = [];
  if (abi < 1) {
    findings.push(
      warn(
        check,
        "the kernel has no Landlock: what is started can read and write whatever the controller's user can",
        "Use a kernel from 5.13 with Landlock among its security modules (`lsm=landlock,…`).",
      ),
    );
  } else if (abi < landlockAbiOfTcp) {
    findings.push(
      warn(
        check,
        `Landlock ABI ${abi} confines files and not the network`,
        "Use a kernel from 6.7 for network rules.",
      ),
    );
  } else findings.push(ok(check, `Landlock ABI ${abi} confines files and TCP`));
  findings.push(
    offersSeccompFilters()
      ? ok(check, "seccomp filters can be set")
      : warn(check, "the kernel has no seccomp filters", "Use a kernel with CONFIG_SECCOMP_FILTER."),
  );
  return findings;
}
