/** `live.js` as the text that it is served as: akc itself never runs it. */
declare const text: string;
export default text;
