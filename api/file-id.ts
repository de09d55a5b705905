const fileIdPattern = /^file_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** Whether this is the id of a file that could exist. Anything else never reaches the database. */
export const isFileId = (text: string): boolean => fileIdPattern.test(text);

/** Whether a text means a file of the caller's, right or wrong: no address and no data URL begins so. */
export const namesFile = (text: string): boolean => text.startsWith('file_');
