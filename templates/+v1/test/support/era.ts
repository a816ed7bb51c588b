/** Whether the server speaks 2026-07-28 too. */
export const speaks2026: boolean = false
