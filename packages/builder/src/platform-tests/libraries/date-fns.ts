import { addBusinessDays, differenceInDays, format, formatDistance, parseISO } from 'date-fns';
import { de } from 'date-fns/locale';

export default {
  async fetch(request: Request): Promise<Response> {
    const { from, to } = (await request.json()) as { from: string; to: string };
    const [a, b] = [parseISO(from), parseISO(to)];
    return Response.json({
      long: format(a, 'PPPP', { locale: de }),
      days: differenceInDays(b, a),
      distance: formatDistance(a, b, { addSuffix: true }),
      later: format(addBusinessDays(a, 10), 'yyyy-MM-dd'),
      recent: new Date().getFullYear() >= 2026,
    });
  },
};
