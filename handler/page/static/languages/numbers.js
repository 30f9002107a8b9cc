// Numbers and what is counted, as a language writes them.

/** @param {string} language  a tag, as `de` */
export function numbersOf(language) {
  const rules = new Intl.PluralRules(language);
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(language, { style: "percent" });
  return {
    /** @param {number} number */
    whole: (number) => whole.format(number),
    /** @param {number} number */
    tenths: (number) => tenths.format(number),
    /** @param {number} share  1 is all */
    percent: (share) => percent.format(share),
    /**
     * So many of something: `1 word`, `212 words`.
     * @param {number} number
     * @param {Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }} forms
     */
    counted: (number, forms) => `${whole.format(number)} ${forms[rules.select(number)] ?? forms.other}`,
  };
}
