/** Every number that bounds what is read and told, and no other number. */
export const bounds = {
  seriesMax: 10_000,
  samplesMax: 1_000_000,
  /** Lines of a log query and traces of a search that are counted. */
  entriesMax: 1_000_000,
  /** Series whose labels are told. */
  seriesToldMax: 8,
  labelsToldMax: 32,
  labelCharsMax: 200,
  /** Of the server's own words. */
  messageCharsMax: 300,
  warningsToldMax: 16,
  /** A longer query is told by its beginning. */
  queryCharsMax: 4_096,
};
