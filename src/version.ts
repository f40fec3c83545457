/** The version of akc, and the versions of the formats it writes. */
export const AKC_VERSION = "0.1.0";
