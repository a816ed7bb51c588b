/** What this server speaks, and what is loaded unless `--era` says otherwise. */
export const SPOKEN: string = 'both'
