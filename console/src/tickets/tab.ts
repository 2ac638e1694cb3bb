// Tickets among the tabs: sessions have ids of hexadecimal digits, tickets a word before.

const mark = "ticket:";

/** The tab of the form of a new ticket. */
export const newTicket = `${mark}new`;

/** tabOf is the tab of a ticket. */
export const tabOf = (id: string): string => mark + id;

/** ticketIn is the id of the ticket in a tab, "new" of the form, null of a session's tab. */
export const ticketIn = (tab: string): string | null => (tab.startsWith(mark) ? tab.slice(mark.length) : null);
