/** Files that are part of a page, as the text that they are: akc itself never runs them. */
declare module "*.css" {
  const text: string;
  export default text;
}

declare module "*.js" {
  const text: string;
  export default text;
}
