import { styled } from '@mui/material/styles';

// These are styled once, not with `sx` at each use, because a page draws hundreds of them.

export const Row = styled('li')({
  display: 'flex',
  alignItems: 'flex-end',
  gap: 8,
  marginTop: 12,
  '&[data-continued=true]': { marginTop: 4 },
  '&[data-own=true]': { flexDirection: 'row-reverse' },
});

/** A sender's colour and initials. */
export const Face = styled('div')({
  flexShrink: 0,
  width: 32,
  height: 32,
  borderRadius: '50%',
  color: '#fff',
  fontSize: 13,
  lineHeight: '32px',
  textAlign: 'center',
});

export const Bubble = styled('div')(({ theme }) => ({
  maxWidth: 'min(75%, 640px)',
  padding: '6px 12px',
  borderRadius: 16,
  borderBottomLeftRadius: 4,
  boxShadow: theme.shadows[1],
  backgroundColor: theme.vars?.palette.background.paper ?? theme.palette.background.paper,
  overflowWrap: 'anywhere',
  '[data-own=true] > &': {
    borderBottomLeftRadius: 16,
    borderBottomRightRadius: 4,
    backgroundColor: theme.vars?.palette.own.main ?? theme.palette.own.main,
    color: theme.vars?.palette.own.contrastText ?? theme.palette.own.contrastText,
  },
  '[data-pending=true] > &': { opacity: 0.7 },
  '[data-failed] > &': {
    border: '1px solid',
    borderColor: theme.vars?.palette.error.main ?? theme.palette.error.main,
    backgroundColor: theme.vars?.palette.background.paper ?? theme.palette.background.paper,
    color: theme.vars?.palette.text.primary ?? theme.palette.text.primary,
  },
}));

export const Name = styled('div')(({ theme }) => ({
  ...theme.typography.caption,
  fontWeight: 700,
  color: theme.vars?.palette.text.secondary ?? theme.palette.text.secondary,
}));

export const Content = styled('div')({ whiteSpace: 'pre-wrap', lineHeight: 1.5 });

export const Foot = styled('div')(({ theme }) => ({
  ...theme.typography.caption,
  display: 'flex',
  alignItems: 'center',
  justifyContent: 'flex-end',
  gap: 4,
  opacity: 0.8,
}));

/** Text for screen readers only. */
export const HiddenText = styled('span')({
  position: 'absolute',
  width: 1,
  height: 1,
  overflow: 'hidden',
  clipPath: 'inset(50%)',
});
